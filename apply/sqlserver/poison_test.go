package sqlserver

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

var poisonTransactions = flag.Int("poison.transactions", 800, "how many transactions TestPoisonedRow applies")

// poisonBatch is how many transactions of the source are in one of the target.
const poisonBatch = 100

// poison is a transaction that the target refuses a row of, and those that
// depend on it.
type poison struct {
	name  string
	first int // the highest key of its rows
	// bad is the transaction.
	bad []capture.Change
	// dependant is the nth change that depends on it, of mostDependants.
	dependant func(n int) capture.Change
	// seen is what the target's trigger sees of the idth row, in order, as id|v.
	seen func(id, dependants int) []string
}

const mostDependants = 1000

func poisons(stock *capture.Table) []poison {
	inside := poison{name: "inside a transaction of many rows", first: -1}
	for id := 1; id <= mostDependants; id++ {
		v := "0"
		if id == mostDependants/2 {
			v = "-1"
		}
		inside.bad = append(inside.bad, insert(stock, strconv.Itoa(-id), v))
	}
	inside.dependant = func(n int) capture.Change {
		row := inside.bad[n].After
		return update(stock, row, capture.Row{row[0], capture.Text(strconv.Itoa(n + 1))})
	}
	inside.seen = func(id, dependants int) []string {
		out := []string{shown(inside.bad[id-1])}
		if id <= dependants {
			out = append(out, shown(inside.dependant(id-1)))
		}
		return out
	}
	alone := poison{name: "a row by itself", bad: []capture.Change{insert(stock, "0", "-1")}}
	alone.dependant = func(n int) capture.Change {
		return update(stock, row("0", strconv.Itoa(n-1)), row("0", strconv.Itoa(n)))
	}
	alone.seen = func(_, dependants int) (out []string) {
		for n := range dependants + 1 {
			out = append(out, fmt.Sprintf("0|%d", n-1))
		}
		return out
	}
	return []poison{alone, inside}
}

// shown is what the trigger sees of a change.
func shown(c capture.Change) string {
	id, _ := c.After[0].Text()
	v, _ := c.After[1].Text()
	return id + "|" + v
}

// TestPoisonedRow: one bad row among many transactions, and a thousand that
// depend on it. After each batch everything else of it is in the target, so that
// no other key waits longer than for its batch. A person decides from a second
// process while the first applies, and the dependants follow in their order, also
// those that come meanwhile. How long batches took, with and without, is logged.
func TestPoisonedRow(t *testing.T) {
	stock := sourceTable("stock", "*id int4", "v int4")
	for _, p := range poisons(stock) {
		t.Run(p.name, func(t *testing.T) {
			d := newDatabase(t, `CREATE TABLE dbo.stock (id int NOT NULL PRIMARY KEY, v int NOT NULL CONSTRAINT ck_v CHECK (v >= 0))`,
				`CREATE TABLE dbo.seen (n int IDENTITY(1,1) NOT NULL PRIMARY KEY, id int NOT NULL, v int NOT NULL)`,
				`CREATE TRIGGER dbo.tr_stock ON dbo.stock AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
INSERT INTO dbo.seen (id, v) SELECT id, v FROM inserted WHERE id <= 0
END`)
			g := &poisonGame{database: d, poison: p, stock: stock, batches: *poisonTransactions / poisonBatch}
			g.mapped = Table{Source: "stock", Target: "stock", Conflict: resolve.Parked("see to it"), Rule: "the rule"}
			g.a = g.open(g.mapped)
			g.play()
			for id := range len(p.bad) {
				d.holds(fmt.Sprintf(`SELECT id, v FROM dbo.seen WHERE id = %d ORDER BY n`, p.first-id), p.seen(id+1, g.dependants)...)
			}
			d.holds(`SELECT COUNT(*) FROM syncback.parked`, "0")
			d.holds(`SELECT action FROM syncback.conflict ORDER BY id`, "park", "take_source")
		})
	}
}

// poisonGame plays one poison. A quarter of the batches come before it, the
// decision when three quarters are done, and every tenth transaction between is a
// dependant.
type poisonGame struct {
	*database
	poison
	stock  *capture.Table
	mapped Table
	a      *Applier

	batches, dependants int
	free                int // rows that depend on nothing
	at                  capture.Position
	before, behind      []time.Duration // what a batch took
}

func (g *poisonGame) play() {
	var deciding errgroup.Group
	for n := range g.batches {
		if n == g.batches*3/4 {
			id := g.waiting()
			g.exec(`ALTER TABLE dbo.stock DROP CONSTRAINT ck_v`)
			other := g.open(g.mapped)
			deciding.Go(func() error { return g.decide(other, id) })
		}
		g.apply(n)
	}
	if err := deciding.Wait(); err != nil {
		g.Fatal(err)
	}
	g.Logf("%d transactions, %d of them behind the parked one; a batch took %v (at most %v) before it, and %v (at most %v) behind it",
		g.at, g.dependants, middle(g.before), slices.Max(g.before), middle(g.behind), slices.Max(g.behind))
}

// apply applies the nth batch, and sees all of it there that depends on nothing.
func (g *poisonGame) apply(n int) {
	var batch []*capture.Tx
	for i := range poisonBatch {
		g.at++
		switch {
		case n == g.batches/4 && i == 0:
			batch = append(batch, tx(g.at, g.bad...))
		case n >= g.batches/4 && i%10 == 5 && g.dependants < mostDependants:
			batch = append(batch, tx(g.at, g.dependant(g.dependants)))
			g.dependants++
		default:
			g.free++
			id := strconv.Itoa(int(g.at))
			batch = append(batch, tx(g.at, insert(g.stock, id, id)))
		}
	}
	start := time.Now()
	for {
		err := g.a.Apply(g.Context(), batch)
		if err == nil {
			break
		}
		if !capture.Retryable(err) {
			g.Fatal(err)
		}
		g.checkpoint(g.a) // another attempt goes on from there
	}
	took := time.Since(start)
	switch {
	case n < g.batches/4:
		g.before = append(g.before, took)
	case n > g.batches/4 && n < g.batches*3/4:
		g.behind = append(g.behind, took)
	}
	if at := g.checkpoint(g.a); at != g.at {
		g.Fatalf("the checkpoint is at %d after the batch that ends at %d", at, g.at)
	}
	g.holds(`SELECT COUNT(*) FROM dbo.stock WHERE id > 0`, strconv.Itoa(g.free))
}

// waiting returns the conflict that waits.
func (g *poisonGame) waiting() (id int64) {
	g.Helper()
	if err := g.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE conflict IS NOT NULL`).Scan(&id); err != nil {
		g.Fatal(err)
	}
	return id
}

// decide decides, and releases until nothing waits.
func (g *poisonGame) decide(other *Applier, id int64) error {
	for {
		_, err := other.Decide(g.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"})
		if errors.Is(err, ErrNotWaiting) { // an earlier try got so far
			_, err = other.Release(g.Context())
		}
		if !capture.Retryable(err) {
			return err
		}
	}
}

func middle(of []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(of))[len(of)/2]
}
