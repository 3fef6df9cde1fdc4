package sqlserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// asking applies an insert into dbo.probe, and runs ask as its Emulator, in the
// open transaction.
func (d *database) asking(a *Applier, probe *asker, position capture.Position, ask func(ctx context.Context, target resolve.Target) error) error {
	probe.do = ask
	return a.Apply(d.Context(), []*capture.Tx{tx(position, insert(sourceTable("probe", "*id int4"), position.String()[2:]))})
}

// asker is an Emulator whose questions change.
type asker struct {
	do func(ctx context.Context, target resolve.Target) error
}

func (e *asker) Emulate(ctx context.Context, _ []capture.Change, target resolve.Target) ([]capture.Change, error) {
	return nil, e.do(ctx, target)
}

func (d *database) openProbe(e resolve.Emulator) *Applier {
	d.exec(`CREATE TABLE dbo.probe (id int NOT NULL PRIMARY KEY)`)
	return d.open(Table{Source: "probe", Target: "probe", Triggers: EmulateTriggers, Emulator: e})
}

// resultText is a result as its columns and rows: "ref char(6)*; note varchar(5)\nA|-".
func resultText(r resolve.Result) string {
	var lines, columns []string
	for _, c := range r.Columns {
		text := c.Name + " " + c.Base
		if c.Key {
			text += "*"
		}
		columns = append(columns, text)
	}
	lines = append(lines, strings.Join(columns, "; "))
	for _, values := range r.Rows {
		var texts []string
		for _, v := range values {
			text, ok := v.Text()
			if !ok {
				text = "-"
			}
			texts = append(texts, text)
		}
		lines = append(lines, strings.Join(texts, "|"))
	}
	return strings.Join(lines, "\n")
}

// TestEmulatorReadsRows: of the open transaction, as the text forms that a conflict
// has, in the order of the key, and no more of them than are asked for. What is
// asked wrongly is an error, and does no harm to the transaction.
func TestEmulatorReadsRows(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.thing (ref char(6) NOT NULL, no int NOT NULL, amount numeric(9,2) NULL, at smalldatetime NULL, f float NULL,
note varchar(20) NULL, long text NULL, photo varbinary(10) NULL, yes bit NULL, id uniqueidentifier NULL, twice AS no * 2, tstamp rowversion NOT NULL,
CONSTRAINT pk_thing PRIMARY KEY (ref, no))`)
	d.exec(`INSERT INTO dbo.thing (ref, no, amount, at, f, note, long, photo, yes, id) VALUES
('B', 2, -1.5, '1900-01-01', 0.1, 'x ', 'text', 0x00ff, 1, '6F9619FF-8B86-D011-B42D-00C04FC964FF')`)
	d.exec(`INSERT INTO dbo.thing (ref, no) VALUES ('B', 10), ('A', 1)`)
	e := &asker{}
	a := d.openProbe(e)
	if err := d.asking(a, e, 1, func(ctx context.Context, target resolve.Target) error {
		where := func(fields ...string) (out []resolve.Argument) {
			for i := 0; i < len(fields); i += 2 {
				out = append(out, resolve.Argument{Name: fields[i], Value: row(fields[i+1])[0]})
			}
			return out
		}
		for _, test := range []struct {
			q    resolve.Query
			want string // or, with a ! in front, what the error says
		}{
			{resolve.Query{Table: "dbo.thing", Columns: []string{"REF", "no", "amount", "at", "f", "note", "long", "photo", "yes", "id", "twice"}, Where: where("ref", "B", "no", "2")},
				"ref char(6)*; no int*; amount numeric(9,2); at smalldatetime; f float; note varchar(20); long text; photo varbinary(10); yes bit; id uniqueidentifier; twice int\n" +
					"B|2|-1.50|1900-01-01T00:00:00|0.1|x |text|0x00ff|1|6f9619ff-8b86-d011-b42d-00c04fc964ff|4"},
			{resolve.Query{Table: "[dbo].[thing]", Columns: []string{"no"}, Where: where("Ref", "b  ")}, "no int*\n2\n10"},
			{resolve.Query{Table: "thing", Columns: []string{"ref", "no"}}, "ref char(6)*; no int*\nA|1\nB|2\nB|10"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"no"}, Limit: 2}, "no int*\n1\n2"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"no"}, Where: where("amount", "-")}, "no int*\n1\n10"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"no"}, Where: where("long", "text")}, "no int*\n2"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"no"}, Where: where("id", "6f9619ff-8b86-d011-b42d-00c04fc964ff")}, "no int*\n2"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"no"}, Where: where("photo", "0x00ff")}, "no int*\n2"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"no"}, Where: where("ref", "C")}, "no int*"},
			{resolve.Query{Table: "dbo.probe"}, "id int*\n1"}, // what was written just now
			{resolve.Query{Table: "dbo.nothing"}, "!there is no table dbo.nothing"},
			{resolve.Query{Table: "syncback.checkpoint"}, "!there is no table syncback.checkpoint"},
			{resolve.Query{Table: "a.b.c"}, "!more than two parts"},
			{resolve.Query{Table: "dbo.thing", Columns: []string{"x"}}, `!dbo.thing has no column "x"`},
			{resolve.Query{Table: "dbo.thing", Columns: []string{}}, "!asked for no column"},
			{resolve.Query{Table: "dbo.thing", Where: where("x", "1")}, `!dbo.thing has no column "x"`},
			{resolve.Query{Table: "dbo.thing", Where: where("ref", "?")}, "!by column ref without a value"},
			{resolve.Query{Table: "dbo.thing", Where: where("ref", "longer than it")}, "!does not fit column ref: it is longer than char(6)"},
			{resolve.Query{Table: "dbo.thing", Where: where("no", "'; --")}, "!does not fit column no"},
			{resolve.Query{Table: "dbo.thing", Limit: 1001}, "!ask for 1000 at most"},
			{resolve.Query{Table: "dbo.thing", Limit: -1}, "!ask for 1000 at most"},
		} {
			r, err := target.Rows(ctx, test.q)
			got := resultText(r)
			if words, fails := strings.CutPrefix(test.want, "!"); fails {
				if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "longer than it") {
					t.Errorf("%+v: %v, want %q", test.q, err, words)
				}
				continue
			}
			if err != nil || got != test.want {
				t.Errorf("%+v: %v\n%s\nwant\n%s", test.q, err, got, test.want)
			}
		}
		all, err := target.Rows(ctx, resolve.Query{Table: "dbo.thing", Where: where("ref", "A")})
		if err != nil || len(all.Columns) != 12 || len(all.Rows) != 1 {
			t.Errorf("all columns: %v, %s", err, resultText(all))
		}
		if version, _ := all.Rows[0][11].Text(); len(version) != len("0x0123456789abcdef") {
			t.Errorf("the rowversion is %q", version)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT id FROM dbo.probe`, "1")
}

// TestEmulatorsTargetEndsWithItsCall: what it was given is not used later, when
// another transaction is open.
func TestEmulatorsTargetEndsWithItsCall(t *testing.T) {
	d := newDatabase(t)
	e := &asker{}
	a := d.openProbe(e)
	var kept resolve.Target
	if err := d.asking(a, e, 1, func(_ context.Context, target resolve.Target) error { kept = target; return nil }); err != nil {
		t.Fatal(err)
	}
	_, rows := kept.Rows(t.Context(), resolve.Query{Table: "dbo.probe"})
	_, next := kept.Next(t.Context(), "dbo.probe")
	_, call := kept.Call(t.Context(), "dbo.probe", nil)
	for _, err := range []error{rows, next, call} {
		if err == nil || !strings.Contains(err.Error(), "after the call") {
			t.Errorf("it was answered with %v", err)
		}
	}
}

// TestWhatEndsTheTransactionIsTheError: an Emulator that takes no notice of what
// the server refuses does not have the rest written, and a procedure that commits
// has not committed a part.
func TestWhatEndsTheTransactionIsTheError(t *testing.T) {
	d := newDatabase(t, `CREATE PROCEDURE dbo.breaks AS THROW 50123, 'no', 1`, `CREATE PROCEDURE dbo.raises @what varchar(9) AS RAISERROR('no', 16, 1)`,
		`CREATE PROCEDURE dbo.commits AS COMMIT TRANSACTION`, `CREATE PROCEDURE dbo.rolls_back AS ROLLBACK TRANSACTION`)
	e := &asker{}
	a := d.openProbe(e)
	const ended = "the transaction was ended from within"
	arguments := map[string][]resolve.Argument{"dbo.raises": {{Name: "what", Value: capture.Text("x")}}}
	for procedure, words := range map[string]string{"dbo.breaks": "50123", "dbo.raises": "50000", "dbo.commits": ended, "dbo.rolls_back": ended} {
		err := d.asking(a, e, 1, func(ctx context.Context, target resolve.Target) error {
			_, err := target.Call(ctx, procedure, arguments[procedure])
			if _, again := target.Rows(ctx, resolve.Query{Table: "dbo.probe"}); err == nil || again == nil {
				t.Errorf("%s: %v, and then %v", procedure, err, again)
			}
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: the transaction ended with %v", procedure, err)
		}
		if at := d.checkpoint(a); at != 0 {
			t.Errorf("%s: the checkpoint is at %s", procedure, at)
		}
		d.holds(`SELECT id FROM dbo.probe`)
	}
}

// TestEmulatorCallsAProcedure: its last result comes back, what it writes commits
// with the transaction, and triggers fire on that.
func TestEmulatorCallsAProcedure(t *testing.T) {
	statements := append([]string{seenTable}, quiet("still", true)...)
	d := newDatabase(t, append(statements,
		`CREATE TABLE dbo.visit (sid int IDENTITY(100,1) NOT NULL PRIMARY KEY, ref char(6) NULL, at datetime NULL, amount numeric(9,2) NULL)`,
		`CREATE PROCEDURE dbo.book @ref char(6), @at datetime, @amount numeric(9,2) AS BEGIN
SET NOCOUNT ON
SELECT 'not this' AS first
INSERT INTO dbo.visit (ref, at, amount) VALUES (@ref, @at, @amount)
INSERT INTO dbo.still (id, v) VALUES (1, 'booked')
SELECT sid, ref, at, amount, CAST(NULL AS int) AS nothing, CAST(0x00ff AS varbinary(5)) AS b, CAST(1 AS bit) AS yes,
CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier) AS u FROM dbo.visit ORDER BY sid
END`)...)
	e := &asker{}
	a := d.openProbe(e)
	d.exec(`INSERT INTO dbo.visit (ref) VALUES ('old')`)
	if err := d.asking(a, e, 1, func(ctx context.Context, target resolve.Target) error {
		arguments := []resolve.Argument{{Name: "ref", Value: capture.Text("R'1")}, {Name: "@at", Value: capture.Text("2024-05-01T10:00:00")}, {Name: "amount", Value: capture.Null()}}
		r, err := target.Call(ctx, "dbo.book", arguments)
		if err != nil {
			return err
		}
		want := strings.Join([]string{"100|old|-|-|-|0x00ff|1|6f9619ff-8b86-d011-b42d-00c04fc964ff", "101|R'1|2024-05-01T10:00:00.000|-|-|0x00ff|1|6f9619ff-8b86-d011-b42d-00c04fc964ff"}, "\n")
		if _, got, _ := strings.Cut(resultText(r), "\n"); !sameRows(got, want) {
			t.Errorf("it returned\n%s\nwant\n%s", got, want)
		}
		for _, bad := range []struct {
			procedure, argument string
			value               capture.Value
			want                string
		}{
			{"dbo.nothing", "a", capture.Null(), "there is no procedure dbo.nothing"},
			{"dbo.visit", "a", capture.Null(), "there is no procedure dbo.visit"},
			{"dbo.book", "a; DROP TABLE visit", capture.Null(), "is no parameter's name"},
			{"dbo.book", "", capture.Null(), "is no parameter's name"},
			{"dbo.book", strings.Repeat("a", 128), capture.Null(), "is no parameter's name"},
			{"dbo.book", "ref", capture.Value{}, "no value"},
			{"a.b.c", "ref", capture.Null(), "more than two parts"},
		} {
			if _, err := target.Call(ctx, bad.procedure, []resolve.Argument{{Name: bad.argument, Value: bad.value}}); err == nil || !strings.Contains(err.Error(), bad.want) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT COUNT(*) FROM dbo.visit`, "2")
	d.holds(`SELECT what FROM dbo.seen`, "still booked")
}

// sameRows compares rows of texts, times by what they begin with: a procedure's
// result does not tell how fine they are.
func sameRows(got, want string) bool {
	return strings.ReplaceAll(got, ".000", "") == strings.ReplaceAll(want, ".000", "")
}

// TestAllocatorThatIsNone: what cannot give numbers is said before it is tried.
func TestAllocatorThatIsNone(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.plain (id int NOT NULL PRIMARY KEY)`, `CREATE TABLE dbo.demanding (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, v int NOT NULL)`)
	e := &asker{}
	a := d.openProbe(e)
	if err := d.asking(a, e, 1, func(ctx context.Context, target resolve.Target) error {
		for allocator, want := range map[string]string{
			"dbo.nothing": "there is no table dbo.nothing", "dbo.plain": "it has no identity column", "dbo.demanding": "its column v has no default",
			"syncback.conflict": "there is no table syncback.conflict",
		} {
			if _, err := target.Next(ctx, allocator); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", allocator, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestAllocatorWithATrigger: the number is the allocator's, whatever a trigger of
// it takes besides.
func TestAllocatorWithATrigger(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.serials (sno int IDENTITY(7,1) NOT NULL PRIMARY KEY, dummy char(1) NULL)`,
		`CREATE TABLE dbo.log (id int IDENTITY(900,1) NOT NULL PRIMARY KEY, sno int NOT NULL)`,
		`CREATE TRIGGER dbo.tr_serials ON dbo.serials AFTER INSERT AS BEGIN
INSERT INTO dbo.log (sno) SELECT sno FROM inserted
SELECT 'not this', 5
END`)
	e := &asker{}
	a := d.openProbe(e)
	if err := d.asking(a, e, 1, func(ctx context.Context, target resolve.Target) error {
		for _, want := range []int64{7, 8} {
			if n, err := target.Next(ctx, "dbo.serials"); n != want || err != nil {
				t.Errorf("the number is %d (%v), want %d", n, err, want)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestNumbersOfAnAllocatorAreGivenOnce: while another session takes numbers all the
// time, no number is given twice, and none is lost except by a transaction that is
// rolled back: the first one is, to see whether triggers stay silent.
func TestNumbersOfAnAllocatorAreGivenOnce(t *testing.T) {
	d := newPremises(t)
	a := d.open(emulated(emulatorFunc(housing), nil)...)
	d.do(a, 1, insert(rtransTable, "1", "000024/01", "1"))
	const gaps = `SELECT MAX(sno) - COUNT(*) FROM dbo.serials_dch`
	before := d.rows(gaps)
	taken := d.takeNumbers(func() {
		for i := range 20 {
			d.do(a, capture.Position(i+2), insert(rtransTable, fmt.Sprint(i+10), "000024/01", "1"), insert(rtransTable, fmt.Sprint(i+100), "000024/01", "1"))
		}
	})
	d.onceEach(taken, 41)
	d.holds(gaps, before...)
}

// takeNumbers takes numbers of the allocator on a connection of its own while do
// runs, and returns them.
func (d *database) takeNumbers(do func()) (taken []string) {
	ctx, cancel := context.WithCancel(d.Context())
	var others sync.WaitGroup
	others.Go(func() {
		for ctx.Err() == nil {
			var n int64
			if err := d.db.QueryRowContext(context.WithoutCancel(ctx), "SET NOCOUNT ON; INSERT INTO dbo.serials_dch DEFAULT VALUES; SELECT CAST(SCOPE_IDENTITY() AS bigint)").Scan(&n); err != nil {
				d.Error(err)
				return
			}
			taken = append(taken, fmt.Sprint(n))
		}
	})
	func() {
		defer others.Wait()
		defer cancel()
		do()
	}()
	return taken
}

// onceEach expects so many rows in the history, each with a number of its own that
// no one else has taken, and every number of the allocator in use by someone.
func (d *database) onceEach(taken []string, rows int) {
	d.Helper()
	ours := d.rows(`SELECT dchid FROM dbo.rtransdch`)
	if len(ours) != rows {
		d.Errorf("the history has %d rows, want %d", len(ours), rows)
	}
	all := append(ours, taken...)
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != len(ours)+len(taken) {
		d.Errorf("%d numbers are in use %d times", n, len(ours)+len(taken))
	}
	d.holds(`SELECT COUNT(*) FROM dbo.serials_dch`, fmt.Sprint(len(all)))
}
