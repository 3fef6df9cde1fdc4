package sqlserver

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

var (
	bothChanges = flag.Int("bothsides.changes", 400, "how many changes TestBothSides makes")
	bothSeed    = flag.Uint64("bothsides.seed", 0, "its seed; 0 takes one by chance")
)

// bothRow is a row of each table of the model: a text, a number, and a version.
type bothRow struct {
	a    string
	b, v int
}

func (r bothRow) image(id int) capture.Row {
	return row(strconv.Itoa(id), r.a, strconv.Itoa(r.b), strconv.Itoa(r.v))
}

// bothTable is one table with one policy, and what the model takes it for. It
// is written from the policies' descriptions, and uses nothing of theirs.
type bothTable struct {
	name   string
	policy resolve.Resolver
	decide func(kind string, base, in, cur *bothRow) (action string, row *bothRow)

	source, target map[int]bothRow
	ledger         map[string]int
	shape          *capture.Table
	left           map[int]bothRow // what was last written, where no old row is sent; nil where one is
}

// asked is what the source's change makes of the target's row.
func asked(kind string, base, in, cur *bothRow) *bothRow {
	if in == nil || cur == nil || kind == "insert_exists" {
		return in
	}
	out := *cur
	if in.a != base.a {
		out.a = in.a
	}
	if in.b != base.b {
		out.b = in.b
	}
	if in.v != base.v {
		out.v = in.v
	}
	return &out
}

func sourceWins(kind string, base, in, cur *bothRow) (string, *bothRow) {
	return "take_source", asked(kind, base, in, cur)
}

func targetWins(_ string, _, _, cur *bothRow) (string, *bothRow) { return "take_target", cur }

// newerWins goes by v, and lets the source have what has no other version.
func newerWins(kind string, base, in, cur *bothRow) (string, *bothRow) {
	theirs := in
	if theirs == nil {
		theirs = base
	}
	if cur == nil || theirs.v > cur.v {
		return sourceWins(kind, base, in, cur)
	}
	return targetWins(kind, base, in, cur)
}

// merges takes each column from who changed it, the target's where both did.
func merges(kind string, base, in, cur *bothRow) (string, *bothRow) {
	if in == nil || cur == nil {
		return sourceWins(kind, base, in, cur)
	}
	out := *cur
	if base != nil {
		if cur.a == base.a {
			out.a = in.a
		}
		if cur.b == base.b {
			out.b = in.b
		}
		if cur.v == base.v {
			out.v = in.v
		}
	}
	return "take_row", &out
}

func bothTables() []*bothTable {
	tables := []*bothTable{
		{name: "s", policy: resolve.SourceWins(), decide: sourceWins},
		{name: "t", policy: resolve.TargetWins(), decide: targetWins},
		{name: "n", policy: resolve.First(resolve.Newest("v", resolve.TargetSide), resolve.SourceWins()), decide: newerWins},
		{name: "k", policy: resolve.TargetWins(), decide: targetWins, left: map[int]bothRow{}},
		{name: "m", policy: resolve.First(resolve.Merge(resolve.Merging{Both: resolve.TargetColumn()}), resolve.SourceWins()), decide: merges},
	}
	for _, b := range tables {
		b.source, b.target, b.ledger = map[int]bothRow{}, map[int]bothRow{}, map[string]int{}
		b.shape = sourceTable(b.name, "*id int4", "a text", "b int4", "v int4")
		if b.left != nil {
			b.shape.Identity = capture.IdentityDefault
		}
	}
	return tables
}

// change is a change as the source sends it; a nil row is none.
func (b *bothTable) change(op capture.Op, id int, before, after *bothRow) capture.Change {
	c := capture.Change{Op: op, Table: b.shape}
	if after != nil {
		c.After = after.image(id)
	}
	switch {
	case before == nil || b.left != nil && after != nil:
	case b.left != nil:
		c.Before = row(strconv.Itoa(id), "?", "?", "?")
	default:
		c.Before = before.image(id)
	}
	return c
}

// apply is what the model makes of one change: before and after are the source's
// row, nil where there is none.
func (b *bothTable) apply(id int, before, after *bothRow) {
	var cur *bothRow
	if r, ok := b.target[id]; ok {
		cur = &r
	}
	if before != nil && after != nil && *before == *after && b.left == nil {
		return // it says nothing
	}
	kind := b.kind(before, after, cur)
	if b.left != nil && cur != nil && before != nil {
		kind = b.kindLeft(id, after, cur)
	}
	row := after
	if before != nil && b.left == nil {
		row = asked(kind, before, after, cur)
	}
	if kind != "" {
		var action string
		action, row = b.decide(kind, before, after, cur)
		b.ledger[kind+" "+action]++
	}
	if row == nil {
		delete(b.target, id)
	} else {
		b.target[id] = *row
	}
	if b.left != nil && row == nil {
		delete(b.left, id)
	} else if b.left != nil {
		b.left[id] = *row
	}
}

// kindLeft goes by what was last written to a row that is there.
func (b *bothTable) kindLeft(id int, after, cur *bothRow) string {
	left, known := b.left[id]
	switch {
	case !known || left == *cur:
		return ""
	case after == nil:
		return "delete_differs"
	case *after != *cur:
		return "update_differs"
	}
	return ""
}

func (b *bothTable) kind(before, after, cur *bothRow) string {
	hit := func(was, is, has any) bool { return was != is && has != was && has != is }
	switch {
	case before == nil && (cur == nil || *cur == *after):
		return ""
	case before == nil:
		return "insert_exists"
	case after == nil && cur == nil:
		return "delete_missing"
	case after == nil && *cur != *before:
		return "delete_differs"
	case after == nil:
		return ""
	case cur == nil:
		return "update_missing"
	case hit(before.a, after.a, cur.a) || hit(before.b, after.b, cur.b) || hit(before.v, after.v, cur.v):
		return "update_differs"
	default:
		return ""
	}
}

// bothGame is one run of changes on both sides.
type bothGame struct {
	*database
	*rand.Rand
	tables  []*bothTable
	proxy   *sqlservertest.Proxy
	mapped  []Table
	a       *Applier
	at      capture.Position
	losses  int
	pending []func() // what the model makes of what is not applied yet
}

func (g *bothGame) row() bothRow {
	return bothRow{string(rune('p' + g.IntN(4))), g.IntN(4), g.IntN(4)}
}

// altered is a row with one or two of its columns changed, or none.
func (g *bothGame) altered(r bothRow) bothRow {
	n := g.row()
	switch g.IntN(4) {
	case 0:
		r.a = n.a
	case 1:
		r.b = n.b
	case 2:
		r.v++
	default:
		r.b, r.v = n.b, r.v+1
	}
	return r
}

// change makes one change in the source.
func (g *bothGame) change() capture.Change {
	b := g.tables[g.IntN(len(g.tables))]
	id := g.IntN(12)
	old, exists := b.source[id]
	switch {
	case !exists:
		n := g.row()
		b.source[id] = n
		g.pending = append(g.pending, func() { b.apply(id, nil, &n) })
		return b.change(capture.Insert, id, nil, &n)
	case g.IntN(4) == 0:
		delete(b.source, id)
		g.pending = append(g.pending, func() { b.apply(id, &old, nil) })
		return b.change(capture.Delete, id, &old, nil)
	default:
		n := g.altered(old)
		b.source[id] = n
		g.pending = append(g.pending, func() { b.apply(id, &old, &n) })
		return b.change(capture.Update, id, &old, &n)
	}
}

// theirs makes one change of the target's own users.
func (g *bothGame) theirs() {
	b := g.tables[g.IntN(len(g.tables))]
	id := g.IntN(12)
	old, exists := b.target[id]
	switch {
	case !exists:
		b.target[id] = g.row()
	case g.IntN(4) == 0:
		delete(b.target, id)
	default:
		b.target[id] = g.altered(old)
	}
	g.exec(fmt.Sprintf("DELETE FROM dbo.%s WHERE id = %d", b.name, id))
	if r, ok := b.target[id]; ok {
		g.exec(fmt.Sprintf("INSERT INTO dbo.%s (id, a, b, v) VALUES (%d, '%s', %d, %d)", b.name, id, r.a, r.b, r.v))
	}
}

// play applies one batch, whatever gets lost on the way.
func (g *bothGame) play(batch []*capture.Tx) {
	g.Helper()
	last := batch[len(batch)-1].Position
	if g.IntN(5) == 0 {
		g.losses++
		var lost atomic.Bool
		answered := g.IntN(2) == 0
		g.proxy.On(func(m sqlservertest.Message) bool {
			return m.Kind != sqlservertest.Commit || m.Answered != answered || lost.Swap(true)
		})
	}
	for attempt := 0; ; attempt++ {
		err := g.a.Apply(g.Context(), batch)
		if err == nil {
			break
		}
		if !capture.Retryable(err) || attempt == 5 {
			g.Fatalf("seed %d, batch up to %s: %v", *bothSeed, last, err)
		}
		_ = g.a.Close() // as a process that was killed
		g.a = g.open(g.mapped...)
		if at := g.checkpoint(g.a); at == last {
			break
		}
	}
	for _, model := range g.pending {
		model()
	}
	g.pending = nil
}

// TestBothSides: both sides change the same rows at once, and commits are lost
// before and after they happened. The target ends as the model says, and the
// ledger accounts for each decision.
func TestBothSides(t *testing.T) {
	if *bothSeed == 0 {
		*bothSeed = rand.Uint64()
	}
	t.Logf("-bothsides.seed=%d", *bothSeed)
	g := &bothGame{database: newDatabase(t), Rand: rand.New(rand.NewPCG(*bothSeed, 1)), tables: bothTables()}
	for _, b := range g.tables {
		g.exec("CREATE TABLE dbo." + b.name + " (id int NOT NULL PRIMARY KEY, a varchar(10) NULL, b int NULL, v int NULL)")
		g.mapped = append(g.mapped, Table{Source: b.name, Target: b.name, Conflict: b.policy, Rule: b.name, Remember: b.left != nil})
	}
	g.proxy, g.cfg.DSN = sqlservertest.NewProxy(t, g.cfg.DSN)
	g.a = g.open(g.mapped...)
	for made := 0; made < *bothChanges; {
		var batch []*capture.Tx
		for range 1 + g.IntN(4) {
			var changes []capture.Change
			for range 1 + g.IntN(5) {
				changes = append(changes, g.change())
			}
			made += len(changes)
			g.at++
			batch = append(batch, tx(g.at, changes...))
		}
		for range g.IntN(8) {
			g.theirs()
			made++
		}
		g.play(batch)
	}
	for _, b := range g.tables {
		g.settled(b)
	}
	if g.losses == 0 {
		t.Error("no commit was lost")
	}
}

func (g *bothGame) settled(b *bothTable) {
	g.Helper()
	var want []string
	for _, id := range slices.Sorted(maps.Keys(b.target)) {
		r := b.target[id]
		want = append(want, fmt.Sprintf("%d|%s|%d|%d", id, r.a, r.b, r.v))
	}
	g.holds("SELECT id, a, b, v FROM dbo."+b.name+" ORDER BY id", want...)
	want = nil
	for _, entry := range slices.Sorted(maps.Keys(b.ledger)) {
		want = append(want, fmt.Sprintf("%s|%d", entry, b.ledger[entry]))
	}
	g.holds("SELECT kind + ' ' + action, COUNT(*) FROM syncback.conflict WHERE rule_name = '"+b.name+"' GROUP BY kind + ' ' + action ORDER BY kind + ' ' + action", want...)
	if len(b.ledger) < 2 {
		g.Errorf("table %s had conflicts of %d kinds", b.name, len(b.ledger))
	}
}
