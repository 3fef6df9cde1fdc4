package sqlserver

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue/queuetest"
)

// TestDeadlockIsRetriedAsAWhole has a transaction fall victim to everything that
// may pass: all of it comes again, once. Where the connection was lost at the
// commit, the checkpoint tells whether it has to.
func TestDeadlockIsRetriedAsAWhole(t *testing.T) {
	const second = "INSERT INTO [dbo].[b]"
	for _, test := range []struct {
		name  string
		fault sqlservertest.Fault
	}{
		{"1205, a deadlock", sqlservertest.Fault{At: sqlservertest.AfterStatement, Text: second, Error: 1205}},
		{"1222, a lock timeout", sqlservertest.Fault{Text: second, Error: 1222}},
		{"3960, a snapshot conflict", sqlservertest.Fault{Text: second, Error: 3960}},
		{"lost inside", sqlservertest.Fault{At: sqlservertest.AfterStatement, Text: second, Drop: true}},
		{"lost before the commit", sqlservertest.Fault{At: sqlservertest.BeforeCommit, Drop: true}},
		{"lost after the commit", sqlservertest.Fault{At: sqlservertest.AfterCommit, Drop: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDatabase(t, `CREATE TABLE dbo.a (id int NOT NULL)`, `CREATE TABLE dbo.b (id int NOT NULL)`)
			if d.server == nil {
				t.Skip("a server that is not the stand-in fails when it likes, and not when it is told to")
			}
			a := d.open(Table{Source: "a", Target: "a"}, Table{Source: "b", Target: "b"})
			q := queuetest.NewMemory()
			first, second := sourceTable("a", "*id int4"), sourceTable("b", "*id int4")
			if err := q.Write(t.Context(), tx(1, insert(first, "1"), insert(second, "1"), insert(first, "2"))); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			injected := d.server.Inject(test.fault)
			cfg := apply.Config{Until: 1, Backoff: capture.Backoff{Min: time.Millisecond}}
			if err := apply.Drain(t.Context(), q, a, cfg); err != nil {
				t.Errorf("Drain: %v", err)
			}
			if n := injected.Fired(); n != 1 {
				t.Errorf("it failed %d times", n)
			}
			d.holds(`SELECT id FROM dbo.a ORDER BY id`, "1", "2")
			d.holds(`SELECT id FROM dbo.b`, "1")
			d.holds(`SELECT [position] FROM syncback.[checkpoint]`, "1")
		})
	}
}

// TestNothingIsWrittenOnceTheServerHasRolledBack ends the transaction behind the
// applier's back, as a server does whose error gets lost: the next batch would be
// committed statement by statement.
func TestNothingIsWrittenOnceTheServerHasRolledBack(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.a (id int NOT NULL PRIMARY KEY)`)
	a := d.open(Table{Source: "a", Target: "a"})
	of := sourceTable("a", "*id int4")
	err := a.transact(t.Context(), func(tx *sql.Tx) error {
		w := &writing{Applier: a, ctx: t.Context(), tx: tx, refusals: &refusals{}}
		one := &capture.Tx{Source: "test", Position: 1}
		if err := w.put(a.holdCheckpoint()); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		if _, err := tx.Exec(`ROLLBACK TRANSACTION`); err != nil {
			return err
		}
		if err := w.change(&change{op: capture.Insert, position: 1, in: insert(of, "1"), tx: one}); err != nil {
			return err
		}
		return w.flush()
	})
	var server *ServerError
	if !errors.As(err, &server) || capture.Retryable(err) {
		t.Errorf("got %v, want it refused for good", err)
	}
	d.holds(`SELECT id FROM dbo.a`)
	d.holds(`SELECT [position] FROM syncback.[checkpoint]`, "0")

	// There the driver has noticed. One that does not sends the batch all the same.
	w := &writing{Applier: a, ctx: t.Context(), refusals: &refusals{}}
	if err := w.change(&change{op: capture.Insert, position: 1, in: insert(of, "1"), tx: &capture.Tx{Source: "test", Position: 1}}); err != nil {
		t.Fatal(err)
	}
	conn, err := a.session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, args, _ := w.batch.render()
	if _, err := conn.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT id FROM dbo.a`)

	// An error of one statement ends all of the transaction.
	d.exec(`INSERT INTO dbo.a (id) VALUES (1)`)
	if _, err := conn.ExecContext(t.Context(), `BEGIN TRANSACTION; INSERT INTO dbo.a (id) VALUES (2)`); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), `INSERT INTO dbo.a (id) VALUES (1)`); err == nil {
		t.Error("a key was inserted twice")
	}
	var open int
	if err := conn.QueryRowContext(t.Context(), `SELECT @@TRANCOUNT`).Scan(&open); err != nil || open != 0 {
		t.Errorf("%d transactions are open after an error, %v", open, err)
	}
	a.discard()
	d.holds(`SELECT id FROM dbo.a`, "1")
}

// TestTriggerThatCommits must not commit the checkpoint with a part of what it
// stands for. One that commits once ends an inner transaction: nothing is written.
// One that commits all there is has committed a part, which comes again with the
// rest once the trigger is mended.
func TestTriggerThatCommits(t *testing.T) {
	for name, test := range map[string]struct {
		commits string
		part    bool // is committed
	}{
		"once":             {`COMMIT TRANSACTION`, false},
		"all that is open": {`WHILE @@TRANCOUNT > 0 COMMIT TRANSACTION`, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t, `CREATE TABLE dbo.a (id int NOT NULL PRIMARY KEY)`,
				`CREATE TRIGGER dbo.tr_a ON dbo.a AFTER INSERT AS BEGIN IF EXISTS (SELECT 1 FROM inserted WHERE id = 13) `+test.commits+` END`)
			a := d.open(Table{Source: "a", Target: "a"})
			of := sourceTable("a", "*id int4")
			d.do(a, 1, insert(of, "1"))
			changes := []*capture.Tx{tx(2, insert(of, "2"), insert(of, "13"), insert(of, "3"))}
			err := a.Apply(t.Context(), changes)
			if err == nil || capture.Retryable(err) {
				t.Errorf("got %v, want it refused for good", err)
			}
			if at := d.checkpoint(a); at != 1 {
				t.Errorf("the checkpoint is at %s", at)
			}
			if err != nil && !strings.Contains(err.Error(), "ended") {
				t.Errorf("it says: %v", err)
			}
			if !test.part {
				d.holds(`SELECT id FROM dbo.a`, "1")
			}
			d.exec(`DROP TRIGGER dbo.tr_a`)
			if err := a.Apply(t.Context(), changes); err != nil {
				t.Errorf("once the trigger is gone: %v", err)
			}
			d.holds(`SELECT id FROM dbo.a ORDER BY id`, "1", "2", "3", "13")
			d.holds(readLedger)
		})
	}
}
