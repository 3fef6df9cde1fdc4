package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

const unread = `CREATE TABLE dbo.letter (id int NOT NULL PRIMARY KEY, narrow varchar(10) NULL, wide nvarchar(10) NULL, n int NULL)`

func unreadTable() *capture.Table {
	return sourceTable("letter", "*id int4", "narrow text", "wide text", "n int4")
}

// What the target's users leave in a text that is none, such as a byte that its
// code page does not define or half of an emoji, keeps no row from being changed.
func TestTextThatCannotBeReadKeepsNoRowBack(t *testing.T) {
	const halves = `UPDATE dbo.letter SET wide = LEFT(N'b😀', 2)`
	undefined := map[string]string{"half of an emoji": "", "and a byte that is not defined": `UPDATE dbo.letter SET narrow = CAST(N'a' + NCHAR(129) AS varchar(10))`}
	for called, theirs := range undefined {
		t.Run(called, func(t *testing.T) {
			d := newDatabase(t, unread)
			if ctx, conn := onServer(t); theirs != "" && isBabelfish(ctx, t, conn) {
				t.Skip("Babelfish takes no byte that the code page does not define")
			}
			table := unreadTable()
			a := d.open(Table{Source: "letter", Target: "letter", Conflict: resolve.SourceWins()})
			d.do(a, 1, insert(table, "1", "a", "b", "1"), insert(table, "2", "a", "b", "1"), insert(table, "3", "a", "b", "1"))
			d.exec(halves)
			if theirs != "" {
				d.exec(theirs)
			}
			d.do(a, 2, remove(table, "1", "a", "b", "1"))
			d.do(a, 3, update(table, row("2", "a", "b", "1"), row("2", "c", "d", "2")))
			byKey := *table
			byKey.Identity = capture.IdentityDefault
			d.do(a, 4, capture.Change{Op: capture.Update, Table: &byKey, After: row("3", "c", "d", "2")})
			d.holds(`SELECT id, narrow, wide, n FROM dbo.letter ORDER BY id`, "2|c|d|2", "3|c|d|2")
			d.holds(`SELECT kind FROM syncback.conflict ORDER BY id`, "delete_differs", "update_differs")
		})
	}
}

// A value that was read with a character in place of what the target holds is as
// no other: it is written over, it differs, and no predicate asks for it.
func TestTextThatWasReadWithAReplacementIsNotKnown(t *testing.T) {
	for _, typ := range []sqlType{
		{name: "nvarchar", length: 10}, {name: "nchar", length: 10}, {name: "ntext"},
		{name: "varchar", length: 10, codePage: 1252}, {name: "varchar", length: 10, codePage: utf8Page},
	} {
		v := typ.read("a\uFFFD", true)
		if v.known || v.same(v.bound) || v.isKnownAs(v) || v.terms == "" {
			t.Errorf("%s: it is known as itself", typ)
		}
		if v := typ.read("a", true); !v.known {
			t.Errorf("%s: plain text is not known", typ)
		}
	}
	column := func(typ sqlType) planColumn { return planColumn{to: &targetColumn{name: "c", typ: typ}} }
	wide := sqlType{name: "nvarchar", length: 10}
	e := &encounter{
		change:  &change{plan: &plan{columns: []planColumn{column(wide), column(wide)}}},
		current: rowImage{wide.read("a\uFFFD", true), wide.read("b", true)},
	}
	w := &builder{}
	e.asRead(func(w *builder) { w.WriteString("found") }, func(int) bool { return true })(w)
	if len(w.args) != 1 || !strings.HasPrefix(w.String(), "found AND ") {
		t.Errorf("the row is looked for by %s with %d arguments", w, len(w.args))
	}
}

// Windows gives each byte that a code page does not define the control of its
// number, so that it is written and read like any other.
func TestBytesThatACodePageDoesNotDefine(t *testing.T) {
	typ := sqlType{name: "varchar", length: 5, collation: "Latin1_General_CI_AS", codePage: 1252}
	b, err := typ.bind(capture.Text("\u0081\u008D\u008F\u0090\u009D"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := typ.bind(capture.Text("\u0080")); err == nil {
		t.Error("U+0080 is taken, whose byte is the euro's")
	}
	ctx, conn := onServer(t)
	if isBabelfish(ctx, t, conn) {
		t.Skip("Babelfish takes no byte that the code page does not define")
	}
	roundTrip(ctx, t, conn, []sample{{encodeCase{src: "text", text: b.terms}, typ, b}})
}
