package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

const keyed = `CREATE TABLE dbo.k (id int NOT NULL PRIMARY KEY, v int NULL)`

// TestKeyThatBothSidesMoved has the source and the target's users give a row the
// same new key: where the rows are the same nothing is left to do, and else the
// target has a row with that key already.
func TestKeyThatBothSidesMoved(t *testing.T) {
	for _, c := range []struct {
		name         string
		policy       resolve.Resolver
		theirs       string
		rows, ledger []string
	}{
		{"alike", nil, `UPDATE dbo.k SET id = 2`, []string{"2|10"}, nil},
		{"the source wins", resolve.SourceWins(), `UPDATE dbo.k SET id = 2, v = 12`, []string{"2|10"}, []string{"insert_exists|take_source"}},
		{"the target wins", resolve.TargetWins(), `UPDATE dbo.k SET id = 2, v = 12`, []string{"2|12"}, []string{"insert_exists|take_target"}},
		{"gone", resolve.SourceWins(), `DELETE FROM dbo.k`, []string{"2|10"}, []string{"update_missing|take_source"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDatabase(t, keyed)
			k := sourceTable("k", "*id int4", "v int4")
			a := d.open(Table{Source: "k", Target: "k", Conflict: c.policy})
			d.do(a, 1, insert(k, "1", "10"))
			d.exec(c.theirs)
			d.do(a, 2, update(k, row("1", "10"), row("2", "10")))
			d.holds(`SELECT * FROM dbo.k`, c.rows...)
			d.holds(`SELECT kind, action FROM syncback.conflict`, c.ledger...)
		})
	}
}

// TestKeyOfAMissingRowIsSettledOnce has a source without old rows change the key of
// a row that the target has no more: the rule is asked once, and what it says is
// all that is done.
func TestKeyOfAMissingRowIsSettledOnce(t *testing.T) {
	for _, c := range []struct {
		policy resolve.Resolver
		rows   []string
	}{
		{resolve.SourceWins(), []string{"2|11"}},
		{resolve.TargetWins(), nil},
	} {
		d := newDatabase(t, keyed)
		k := sourceTable("k", "*id int4", "v int4")
		k.Identity = capture.IdentityDefault
		a := d.open(Table{Source: "k", Target: "k", Conflict: c.policy})
		d.do(a, 1, insert(k, "1", "10"))
		d.exec(`DELETE FROM dbo.k`)
		d.do(a, 2, update(k, row("1", "?"), row("2", "11")))
		d.holds(`SELECT * FROM dbo.k`, c.rows...)
		d.holds(`SELECT kind FROM syncback.conflict`, "update_missing")
	}
}

// TestWhatIsNeverWrittenIsAConflict learns again and again that a row was not as it
// had just been read. That can be another session's doing a few times, not each
// time: an index with IGNORE_DUP_KEY refuses without an error.
func TestWhatIsNeverWrittenIsAConflict(t *testing.T) {
	d := newDatabase(t, keyed)
	k := sourceTable("k", "*id int4", "v int4")
	c := &change{op: capture.Insert, position: 7, in: insert(k, "1", "10"), tx: tx(7)}
	for _, policy := range []resolve.Resolver{nil, resolve.Parked("why")} {
		a := d.open(Table{Source: "k", Target: "k", Conflict: policy})
		w := &writing{Applier: a, ctx: t.Context(), refusals: &refusals{}}
		if err := w.bindPlan(c); err != nil {
			t.Fatal(err)
		}
		for range mostRaces {
			if err := w.raced(c); !capture.Retryable(err) || !w.refusals.learn(err) {
				t.Fatalf("given up too soon: %v", err)
			}
		}
		err := w.raced(c)
		if capture.Retryable(err) || !strings.Contains(err.Error(), "insert of dbo.k at 0/7 writes nothing") || !strings.Contains(err.Error(), "IGNORE_DUP_KEY") {
			t.Errorf("in the end: %v", err)
		}
		known := w.refusals.learn(err)
		if known != (policy != nil) || known && w.refusals.of(c).kind != resolve.Unique {
			t.Errorf("with the rule %v: asked %t, %v", policy, known, w.refusals.of(c))
		}
		if w.refusals.learn(err) {
			t.Error("asked again although the answer did not help")
		}
	}
}

// TestWhatATriggerLeadsToIsAConflict has a trigger fail through a procedure that it
// calls, and through the trigger of another table: neither is a trigger of the
// change's table, and the change is parked all the same.
func TestWhatATriggerLeadsToIsAConflict(t *testing.T) {
	for name, makes := range map[string][]string{
		"procedure": {`CREATE PROCEDURE dbo.usp_check AS BEGIN THROW 50001, 'no', 1; END`,
			`CREATE TRIGGER dbo.tr_k ON dbo.k AFTER INSERT AS BEGIN EXEC dbo.usp_check; END`},
		"another table's trigger": {`CREATE TABLE dbo.l (id int)`,
			`CREATE TRIGGER dbo.tr_l ON dbo.l AFTER INSERT AS BEGIN THROW 50001, 'no', 1; END`,
			`CREATE TRIGGER dbo.tr_k ON dbo.k AFTER INSERT AS BEGIN INSERT INTO dbo.l VALUES (1); END`},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t, append([]string{keyed, `CREATE TABLE dbo.other (id int NOT NULL PRIMARY KEY)`}, makes...)...)
			k, other := sourceTable("k", "*id int4", "v int4"), sourceTable("other", "*id int4")
			a := d.open(Table{Source: "k", Target: "k", Conflict: resolve.Parked("why")}, Table{Source: "other", Target: "other"})
			batch := []*capture.Tx{tx(1, insert(other, "1")), tx(2, insert(k, "1", "10")), tx(3, insert(other, "2"))}
			if err := a.Apply(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			d.holds(`SELECT position FROM syncback.parked`, "2")
			d.holds(`SELECT kind, table_name FROM syncback.conflict`, "trigger_failed|dbo.k")
			d.holds(`SELECT id FROM dbo.other ORDER BY id`, "1", "2")
		})
	}
}
