package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/resolve"
)

// quiet makes a table with a trigger that honours the marker, or does not: it
// notes each row that is written.
func quiet(table string, honours bool) []string {
	guard := ""
	if honours {
		guard = "IF SUBSTRING(CONTEXT_INFO(), 1, 8) = " + SilentMarker + " RETURN\n"
	}
	return []string{
		"CREATE TABLE dbo." + table + " (id int NOT NULL PRIMARY KEY, v varchar(20) NULL)",
		"CREATE TRIGGER dbo.tr_" + table + " ON dbo." + table + " AFTER INSERT, UPDATE, DELETE AS BEGIN\nSET NOCOUNT ON\n" + guard +
			"INSERT INTO dbo.seen (what) SELECT '" + table + " ' + v FROM inserted\nEND",
	}
}

const seenTable = `CREATE TABLE dbo.seen (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, what varchar(40) NULL)`

// TestTriggersOfOneTableStaySilent has tables of both kinds in one transaction, one
// change by one, and more than a round trip of them: the triggers of the one never
// fire, those of the other always do.
func TestTriggersOfOneTableStaySilent(t *testing.T) {
	statements := append([]string{seenTable}, quiet("loud", true)...)
	d := newDatabase(t, append(statements, quiet("still", true)...)...)
	a := d.open(Table{Source: "loud", Target: "loud"}, Table{Source: "still", Target: "still", Triggers: SuppressTriggers})
	loud, still := sourceTable("loud", "*id int4", "v text"), sourceTable("still", "*id int4", "v text")
	d.do(a, 1, insert(still, "1", "a"), insert(loud, "1", "b"), insert(still, "2", "c"), update(still, row("1", "a"), row("1", "d")),
		update(loud, row("1", "b"), row("1", "e")), remove(still, "2", "c"))
	d.holds(`SELECT what FROM dbo.seen ORDER BY id`, "loud b", "loud e")
	d.holds(`SELECT id, v FROM dbo.still`, "1|d")
	// The session goes on, and what it says by itself is heard.
	d.do(a, 2, insert(loud, "2", "f"))
	d.holds(`SELECT what FROM dbo.seen ORDER BY id`, "loud b", "loud e", "loud f")
	d.holds(`SELECT COUNT(*) FROM dbo.loud`, "2")
}

// TestSilenceEndsWithAConflict: where a statement touches no row, the batch ends
// there, and what is decided is carried out by others.
func TestSilenceEndsWithAConflict(t *testing.T) {
	statements := append([]string{seenTable}, quiet("loud", true)...)
	d := newDatabase(t, append(statements, quiet("still", true)...)...)
	a := d.open(Table{Source: "loud", Target: "loud", Conflict: resolve.SourceWins()},
		Table{Source: "still", Target: "still", Triggers: SuppressTriggers, Conflict: resolve.First(
			resolve.ByKind(map[resolve.Kind]resolve.Resolver{resolve.UpdateMissing: resolve.TargetWins()}), resolve.SourceWins())})
	loud, still := sourceTable("loud", "*id int4", "v text"), sourceTable("still", "*id int4", "v text")
	d.do(a, 1, insert(still, "1", "a"), insert(still, "2", "a"), insert(loud, "1", "a"), insert(loud, "2", "a"))
	d.exec(`UPDATE dbo.loud SET v = 'theirs' WHERE id = 2`)
	d.exec(`UPDATE dbo.still SET v = 'theirs' WHERE id = 2`)
	d.exec(`DELETE FROM dbo.still WHERE id = 1`)
	d.exec(`DELETE FROM dbo.seen`)
	d.do(a, 2, update(still, row("1", "a"), row("1", "b")), update(loud, row("1", "a"), row("1", "b"))) // nothing is carried out
	d.holds(`SELECT what FROM dbo.seen`, "loud b")
	d.do(a, 3, update(still, row("2", "a"), row("2", "c")), update(loud, row("2", "a"), row("2", "c")))
	d.holds(`SELECT what FROM dbo.seen ORDER BY id`, "loud b", "loud c")
	d.holds(`SELECT id, v FROM dbo.still`, "2|c")
}

// TestTriggerThatUsesContextInfoItself: what a trigger leaves in CONTEXT_INFO does
// not make another one fire.
func TestTriggerThatUsesContextInfoItself(t *testing.T) {
	statements := append([]string{seenTable}, quiet("still", true)...)
	d := newDatabase(t, append(statements,
		`CREATE TABLE dbo.other (id int NOT NULL PRIMARY KEY, v varchar(20) NULL)`,
		`CREATE TRIGGER dbo.tr_other ON dbo.other AFTER INSERT AS SET CONTEXT_INFO 0x0102`)...)
	a := d.open(Table{Source: "other", Target: "other", Triggers: SuppressTriggers}, Table{Source: "still", Target: "still", Triggers: SuppressTriggers})
	other, still := sourceTable("other", "*id int4", "v text"), sourceTable("still", "*id int4", "v text")
	d.do(a, 1, insert(still, "1", "a"), insert(other, "1", "a"), insert(still, "2", "a"), insert(other, "2", "a"), insert(still, "3", "a"))
	d.holds(`SELECT what FROM dbo.seen`)
	d.holds(`SELECT COUNT(*) FROM dbo.still`, "3")
}

// TestTriggersThatCannotBe: each is one sentence that says what to do, from Open
// and from Check alike.
func TestTriggersThatCannotBe(t *testing.T) {
	emulator := emulatorFunc(nil)
	for _, test := range []struct {
		table Table
		want  string
	}{
		{Table{Emulator: emulator}, "its triggers are not told to stay silent for it (fire), so that all they do would be done twice; choose emulate"},
		{Table{Triggers: SuppressTriggers, Emulator: emulator}, "its triggers are not told to stay silent for it (suppress)"},
		{Table{Triggers: EmulateTriggers}, "there is no emulator; name one, or choose suppress"},
		{Table{Triggers: 9}, "there is no choice 9 for triggers"},
		{Table{Triggers: EmulateTriggers, Emulator: emulator, Truncate: true}, "a TRUNCATE names no rows"},
	} {
		test.table.Source, test.table.Target = "a", "dbo.a"
		cfg := Config{DSN: "sqlserver://nowhere", Pipeline: "test", Tables: []Table{test.table}}
		_, opened := Open(t.Context(), cfg)
		_, checked := Check(t.Context(), cfg, nil)
		for _, err := range []error{opened, checked, cfg.Validate()} {
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "table dbo.a: ") {
				t.Errorf("%v; want %q", err, test.want)
			}
		}
	}
}
