package sqlserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// TestReplayIsWhatTheOtherRuleWouldHaveMade: for each kind of conflict and each
// pair of policies, what the replay says differs is what differs between the
// databases in which one and the other decided.
func TestReplayIsWhatTheOtherRuleWouldHaveMade(t *testing.T) {
	policies := []struct {
		name   string
		rule   resolve.Resolver
		action resolve.Action // Pass is one of several
	}{
		{"source-wins", resolve.SourceWins(), resolve.TakeSource},
		{"target-wins", resolve.TargetWins(), resolve.TakeTarget},
		{"merge", resolve.First(resolve.Merge(resolve.Merging{Both: resolve.SourceColumn()}), resolve.SourceWins()), resolve.Pass},
		{"park", resolve.Parked("see to it"), resolve.Park},
		{"none", nil, resolve.Halt},
	}
	for _, e := range encounters {
		if e.kind == resolve.Locked {
			continue // TestReplayOfARecordThatWasOpen
		}
		t.Run(e.kind.String(), func(t *testing.T) {
			t.Parallel()
			type world struct {
				*database
				row string // what became of the row, by its columns
			}
			worlds := make([]world, len(policies))
			for i, p := range policies {
				d := newDatabase(t, rents)
				worlds[i].database = d
				if p.rule == nil {
					continue // nothing goes on there
				}
				ten := rentTable()
				a := d.open(rentMapping(p.rule))
				d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
				d.exec(e.theirs)
				d.do(a, 2, e.change(ten))
				for _, r := range d.rows(readRents) {
					if r[0] == refOf(e.change(ten)) {
						worlds[i].row = r
					}
				}
			}
			for i, was := range policies {
				if was.rule == nil {
					continue
				}
				for k, now := range policies {
					d := &database{t, worlds[i].db, worlds[i].cfg, worlds[i].server}
					label := fmt.Sprintf("%s, then %s", was.name, now.name)
					before := d.writes()
					a := d.open(rentMapping(now.rule))
					r := d.replayed(a)
					if now.action != resolve.Pass && r.Would != now.action {
						t.Errorf("%s: it would be %s, want %s", label, r.Would, now.action)
					}
					if r.Err != nil {
						t.Errorf("%s: %v", label, r.Err)
					}
					waits := now.action == resolve.Park || now.rule == nil
					want := strings.Join(differing(worlds[i].row, worlds[k].row), ",")
					if waits {
						want = ""
					}
					if got := strings.Join(r.Columns, ","); got != want || !waits && (r.Gone != (worlds[i].row != "" && worlds[k].row == "") || r.There != (worlds[i].row == "" && worlds[k].row != "")) {
						t.Errorf("%s: columns %q, gone %t, there %t; the rows are %q and %q", label, got, r.Gone, r.There, worlds[i].row, worlds[k].row)
					}
					if differs := worlds[i].row != worlds[k].row && !waits || waits != (was.action == resolve.Park); r.Differs() != differs {
						t.Errorf("%s: it says that something else comes of it: %t", label, r.Differs())
					}
					if after := d.writes(); after != before {
						t.Errorf("%s: the replay wrote: %s, before %s", label, after, before)
					}
				}
			}
		})
	}
}

// differing names the columns in which two rows differ, where there are two.
func differing(x, y string) (names []string) {
	if x == "" || y == "" {
		return nil
	}
	a, b := strings.Split(x, "|"), strings.Split(y, "|")
	for i, column := range []string{"ref", "amount", "note", "code"} {
		if a[i] != b[i] {
			names = append(names, column)
		}
	}
	return names
}

// replayed is the one conflict of the ledger, replayed.
func (d *database) replayed(a *Applier) (out Replayed) {
	d.Helper()
	n := 0
	for r, err := range a.Replay(d.Context()) {
		if err != nil {
			d.Fatal(err)
		}
		out, n = r, n+1
	}
	if n != 1 {
		d.Fatalf("%d conflicts were replayed", n)
	}
	return out
}

// writes tells what was written in a database until now: the server's own count
// where it has one, and all that our tables and the rents hold.
func (d *database) writes() string {
	d.Helper()
	said := fmt.Sprint(d.rows(`SELECT * FROM dbo.rent ORDER BY ref`), d.rows(`SELECT * FROM syncback.conflict ORDER BY id`),
		d.rows(`SELECT * FROM syncback.parked`), d.rows(`SELECT [position], [paused] FROM [syncback].[checkpoint]`))
	if d.server != nil {
		said = fmt.Sprint(d.server.Counters().Writes, said)
	}
	return said
}

// TestReplayTellsWhatItCannotAnswer: a rule that fails, and a table that is not
// configured any more, are told of each, and the others go on.
func TestReplayTellsWhatItCannotAnswer(t *testing.T) {
	d := newDatabase(t, rents, `CREATE TABLE dbo.other (id int NOT NULL PRIMARY KEY)`)
	ten := rentTable()
	a := d.open(rentMapping(resolve.TargetWins()))
	d.do(a, 1, insert(ten, "2", "20", "old", "B", "-"))
	d.exec(`UPDATE dbo.rent SET amount = 21`)
	d.do(a, 2, update(ten, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-")))

	d.do(a, 3, update(ten, row("2", "22", "old", "B", "-"), row("2", "22", "new", "B", "-"))) // note alone: no conflict
	panics := resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		panic("theirs")
	})
	r := d.replayed(d.open(rentMapping(panics)))
	if r.Err == nil || !r.Differs() || strings.Contains(r.Err.Error(), "theirs") {
		t.Errorf("of a rule that panics it says %v", r.Err)
	}
	r = d.replayed(d.open(Table{Source: "other", Target: "other"}))
	if r.Err == nil || r.Err.Error() != "no configured table has the target dbo.rent" {
		t.Errorf("of a table that is not configured it says %v", r.Err)
	}
}

// TestReplayKnowsSecretsByTheirHashesOnly: a rule sees that they differ, and not
// what they are.
func TestReplayKnowsSecretsByTheirHashesOnly(t *testing.T) {
	d := newDatabase(t, rents)
	d.cfg.LedgerKey = []byte("sixteen or more bytes")
	ten := rentTable()
	m := rentMapping(resolve.TargetWins())
	m.Secret = []string{"note"}
	d.do(d.open(m), 1, insert(ten, "2", "20", "whispered", "B", "-"))
	d.exec(`UPDATE dbo.rent SET note = 'shouted'`)
	d.do(d.open(m), 2, update(ten, row("2", "20.00", "whispered", "B", "-"), row("2", "20.00", "sung", "B", "-")))
	ledger := strings.Join(d.rows(readLedger), "\n")
	for _, value := range []string{"whispered", "shouted", "sung"} {
		if strings.Contains(ledger, value) {
			t.Errorf("the ledger has a secret in clear: %s", ledger)
		}
	}
	var seen []string
	m.Conflict = resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		i := c.Column("note")
		for _, r := range []capture.Row{c.Base, c.Incoming, c.Current} {
			text, _ := r[i].Text()
			seen = append(seen, text)
		}
		return resolve.Resolution{Action: resolve.TakeSource}, nil
	})
	if r := d.replayed(d.open(m)); !slices.Equal(r.Columns, []string{"note"}) {
		t.Errorf("it differs in %q", r.Columns)
	}
	for i, text := range seen {
		if !strings.HasPrefix(text, "hmac-sha256:") || slices.Contains(seen[:i], text) {
			t.Errorf("the rule saw %q", seen)
		}
	}
}
