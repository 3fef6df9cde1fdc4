package main_test

import (
	"testing"

	"github.com/syncback/syncback/capture/capturetest"
)

// TestGeneratedSchema carries random transactions on tables made at random, and
// compares every row with what the test itself expects. Triggers in the target
// count how often each column stood in SET, and the rows that were touched: what
// did not change in the target's terms must not be written.
//
// The seed is in the log; SYNCBACK_SEED runs the same again.
func TestGeneratedSchema(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	g := &generator{Rand: capturetest.Rand(t), pairs: generatedTypes()}
	tables := s.createTables(g)
	describe(t, tables)
	s.countWrites(tables)
	s.executeDDL()
	s.mustRun("check")
	s.mustRun("run", "--until-idle")

	l := &workload{generator: g, site: s, tables: tables, counts: map[written]int{}, did: map[string]int{}}
	for _, step := range l.steps() {
		step.do()
		s.mustRun("run", "--until-idle")
		for _, table := range tables {
			s.compareRows(step.name, table)
		}
		s.compareCounts(step.name, l.counts)
		s.verified()
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("changes made: %v", l.did)
	if l.did[unchangedLarge] == 0 {
		t.Error("no row with an unchanged large value was updated")
	}
}

// step is a part of the load, after which the two sides are compared.
type step struct {
	name string
	do   func()
}

func (l *workload) steps() []step {
	const large = 2000
	return []step{
		{"inserts", func() {
			for _, t := range l.tables {
				for range 8 {
					l.insert(t)
				}
			}
			l.commit()
		}},
		{"changes", func() { l.transactions(60) }},
		{"a batch of inserts", func() {
			l.batch(func(t *genTable) {
				for range large {
					l.insert(t)
				}
			})
		}},
		{"a batch of updates", func() { l.batch(l.updateMany) }},
		{"changes of large tables", func() { l.transactions(60) }},
		{"a batch of deletes", func() {
			l.batch(func(t *genTable) {
				for range large {
					l.remove(t, t.rows[l.IntN(len(t.rows))])
				}
			})
		}},
	}
}

// describe logs what was generated, and holds it to what it has to be.
func describe(t *testing.T, tables []*genTable) {
	t.Helper()
	types, widest, keyless, columns := map[string]bool{}, 0, 0, 0
	for _, table := range tables {
		for _, c := range table.columns {
			types[c.from] = true
		}
		n := len(table.columns) + 1 // rowNumber
		widest, columns = max(widest, n), columns+n
		if len(table.key) == 0 {
			keyless++
		}
	}
	t.Logf("%d tables, %d of them without a key, %d columns of %d types of the source, up to %d in a table", len(tables), keyless, columns, len(types), widest)
	if len(types) < 30 || widest < 240 || keyless == 0 {
		t.Error("the generated schema is less than it has to be")
	}
}
