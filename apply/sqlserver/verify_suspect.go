package sqlserver

import (
	"github.com/syncback/syncback/apply/internal/spill"
	"github.com/syncback/syncback/capture"
)

// suspect is a key whose rows were not the same when they were read.
type suspect struct {
	key   []term
	exact string // the key's bytes
	// alias is the key that the one row of the target has, where the target takes
	// the two for equal; "" is none.
	alias        string
	ours, theirs bool     // which side had it
	found        [][]byte // by what the source finds its rows
	scan         digest   // of its row as it was read

	want []sourceRow
	have []image

	// Of a Repair: what waits for the target says what the source had.
	waits   bool
	waiting capture.Row // nil: no row
	unknown bool        // and it does not say what
	left    string      // why it is not mended
	was     []Difference
	mended  bool

	steady int    // how many looks in a row found the source's rows unchanged
	seen   digest // the target's row, where it is the only one
}

// sourceRow is a row that the source has now.
type sourceRow struct {
	row     capture.Row
	image   image
	version string
}

// mine reports whether a row with the key is the suspect's.
func (s *suspect) mine(exact string) bool {
	return exact == s.exact || s.alias != "" && exact == s.alias
}

// group is what both sides have of keys that are alike.
type group struct {
	v     *verification
	order []string // of the exact keys, as they came
	keys  map[string]*rows
}

// rows are those of one exact key.
type rows struct {
	ours, theirs []entry
	waits        *pendingChange
}

func newGroup(v *verification) *group { return &group{v: v, keys: map[string]*rows{}} }

func (g *group) of(exact string) *rows {
	r := g.keys[exact]
	if r == nil {
		r = &rows{}
		g.keys[exact], g.order = r, append(g.order, exact)
	}
	return r
}

func (g *group) ours(r spill.Record) {
	e := readEntry(r)
	of := g.of(e.exact)
	of.ours = append(of.ours, e)
}

func (g *group) theirs(r spill.Record) {
	e := readEntry(r)
	of := g.of(e.exact)
	of.theirs = append(of.theirs, e)
}

// pending takes the first change that waits for a row: it says what was there
// before.
func (g *group) pending(r spill.Record) {
	p := readPendingChange(r)
	if of := g.of(p.exact); of.waits == nil {
		of.waits = &p
	}
}

// differing returns the keys whose rows are not the same, and counts the others.
func (g *group) differing() (out []*suspect) {
	for _, exact := range g.order {
		r := g.keys[exact]
		if r.waits == nil && len(r.ours) == 1 && len(r.theirs) == 1 && r.ours[0].digest == r.theirs[0].digest {
			g.v.verdict.Equal++
			continue
		}
		s := &suspect{exact: exact, ours: len(r.ours) > 0, theirs: len(r.theirs) > 0}
		s.key, _ = readTerms([]byte(exact), len(g.v.plan.key))
		for _, e := range r.ours {
			s.found, s.scan = append(s.found, e.found), e.digest
		}
		if r.waits != nil {
			s.waits, s.waiting, s.unknown = true, r.waits.before(g.v), r.waits.kind == beforeUnknown
			s.ours = s.waiting != nil || s.unknown
		}
		out = append(out, s)
	}
	return out
}
