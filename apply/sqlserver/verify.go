package sqlserver

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"iter"

	"github.com/syncback/syncback/apply/internal/spill"
	"github.com/syncback/syncback/capture"
)

// Source reads the rows that a target is compared with. A Reader of
// capture/postgres is one. It is used from one goroutine at a time.
type Source interface {
	// Scan calls each with every row that t has. It need not be one snapshot:
	// of a row that changes meanwhile it may show any state, or none. Of a table
	// without a key it is one.
	Scan(ctx context.Context, t *capture.Table, each func(capture.Row) error) error
	// Find looks for the rows of t that have the keys of the given ones, of
	// which nothing else is looked at, and calls each with those that are there:
	// the index of the given row, the row, and its version, which is another
	// after every change of it. It is not called for a table without a key.
	Find(ctx context.Context, t *capture.Table, rows []capture.Row, each func(i int, row capture.Row, version string) error) error
}

// Pending yields the changes that the target has yet to get: all that was
// committed after its checkpoint and before the call, in the order of the
// commits.
type Pending func(ctx context.Context) iter.Seq2[capture.Change, error]

// VerifyConfig says how two tables are compared. The zero VerifyConfig compares
// what is there now.
type VerifyConfig struct {
	// CatchUp waits until the target has all that was committed in the source
	// before the call, and reports false where it will not have it soon. Then,
	// and where CatchUp is nil, rows that the target has yet to get are
	// differences like any other.
	CatchUp func(ctx context.Context) (bool, error)
	// Report is called with each difference as it is found; nil means that they
	// are only counted.
	Report func(Difference) error
	// Dir is the folder of temporary files, which hold keys and, in a Repair,
	// rows that changed meanwhile; "" means the system's. They are readable by
	// their owner alone, and gone with the process.
	Dir string
	// Memory bounds what is held of the rows, in bytes; 0 means 64 MiB.
	Memory int
}

// Kind says how a row differs.
type Kind string

// The kinds of differences.
const (
	Different Kind = "different" // both sides have it, and it is not the same
	Missing   Kind = "missing"   // the target lacks it
	Extra     Kind = "extra"     // the source lacks it
)

// Difference is one row that differs; in a table without a key, a number of rows
// that are the same in every column that is compared.
type Difference struct {
	Table string // the target's
	Kind  Kind
	Key   Key
	// Columns are the target columns in which the two rows of Different differ.
	Columns []string
	Count   int64 // of rows; 1 in a table with a key
	// Mended says that Repair has written it. Left is why it did not, or why the
	// target cannot be the same.
	Mended bool
	Left   string
}

// Key is a row's key as the target has it. It is personal data: only Names and
// Texts tell what it is, and no verb of fmt does.
type Key struct {
	names []string
	terms []term
}

// String says how many columns the key has, and not what is in them.
func (k Key) String() string { return fmt.Sprintf("a key of %d columns", len(k.names)) }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// Names are the key's target columns; none in a table without a key.
func (k Key) Names() []string { return k.names }

// Texts are the values in the order of Names: their text, and NULL for null.
func (k Key) Texts() []string {
	var texts []string
	for _, t := range k.terms {
		if t.null {
			t.text = "NULL"
		}
		texts = append(texts, t.text)
	}
	return texts
}

// Verdict is what came of a comparison.
type Verdict struct {
	Table                     string // the target's
	SourceRows, TargetRows    int64  // as they were read
	Equal                     int64
	Different, Missing, Extra int64 // differences, those that were mended included
	Mended                    int64 // of them
	Unsettled                 int64 // rows that changed each time they were looked at
}

// Same reports whether the target now has what the source has.
func (v Verdict) Same() bool {
	return v.Different+v.Missing+v.Extra == v.Mended && v.Unsettled == 0
}

// Verify compares the rows of t in the source with those of the table that it is
// mapped to, in the target's own terms: what the applier would not write as a
// change is none. It writes nothing. See the package page.
func (a *Applier) Verify(ctx context.Context, source Source, t *capture.Table, cfg VerifyConfig) (Verdict, error) {
	v, err := a.verification(ctx, source, t, cfg)
	if err != nil {
		return Verdict{}, err
	}
	if v.plan.key == nil {
		err = v.compareKeyless()
	} else {
		err = v.compareKeyed(v.judge)
	}
	return v.verdict, err
}

// verification is one comparison of one table.
type verification struct {
	*Applier
	ctx     context.Context
	source  Source
	table   *capture.Table
	plan    *plan
	cfg     VerifyConfig
	salt    []byte // of the digests, so that nobody can guess values from them
	verdict Verdict

	extras  []*suspect    // rows of the target alone, to be judged together
	overlay *spill.Sorter // what waits for the target, in a Repair; nil in a Verify
	pending Pending
}

func (a *Applier) verification(ctx context.Context, source Source, t *capture.Table, cfg VerifyConfig) (*verification, error) {
	m := a.mappings[name{t.Schema, t.Name}]
	if m == nil {
		return nil, fmt.Errorf("%s is not among the configured tables", t)
	}
	p, wrong := newPlan(m, t, planOptions{zone: a.cfg.Zone})
	if len(wrong) > 0 {
		return nil, wrong[0]
	}
	cfg.Memory = cmp.Or(cfg.Memory, 64<<20)
	if cfg.Report == nil {
		cfg.Report = func(Difference) error { return nil }
	}
	v := &verification{Applier: a, ctx: ctx, source: source, table: t, plan: p, cfg: cfg, salt: make([]byte, 16)}
	v.verdict.Table = m.target.name.String()
	_, err := rand.Read(v.salt)
	return v, err
}
