package applytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// Memory is a target in memory, for tests. Its tables are those of the source,
// its rows are found by the source's key. It is stricter than the contract: an
// update is also refused as a mismatch where a column that it changes does not
// hold what the old image says. It can be used from several goroutines.
type Memory struct {
	mu     sync.Mutex
	held   map[string]rows
	writes map[string]int64
	cp     apply.Checkpoint
	fault  Fault
}

// rows are a table's, by key. A stored row is not modified.
type rows map[string]map[string]capture.Value

// NewMemory returns an empty target with these tables. A change of any other
// table is refused.
func NewMemory(tables ...*capture.Table) *Memory {
	m := &Memory{held: map[string]rows{}, writes: map[string]int64{}}
	for _, t := range tables {
		m.held[t.String()] = rows{}
	}
	return m
}

// Open returns a new Applier of the pipeline.
func (m *Memory) Open(context.Context) (apply.Applier, error) { return &memoryApplier{m: m}, nil }

// Rows returns the rows of table.
func (m *Memory) Rows(_ context.Context, table *capture.Table) ([]capture.Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []capture.Row
	for _, stored := range m.held[table.String()] {
		row := make(capture.Row, len(table.Columns))
		for i, c := range table.Columns {
			if row[i] = stored[c.Name]; row[i].IsAbsent() {
				row[i] = capture.Null()
			}
		}
		all = append(all, row)
	}
	return all, nil
}

// Writes returns how many rows of table were written.
func (m *Memory) Writes(_ context.Context, table *capture.Table) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes[table.String()], nil
}

// Pause pauses or resumes the pipeline. The checkpoint's ChangedAt moves each
// time.
func (m *Memory) Pause(_ context.Context, paused bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now().UTC()
	if !now.After(m.cp.ChangedAt) {
		now = m.cp.ChangedAt.Add(time.Microsecond)
	}
	m.cp.Paused, m.cp.ChangedAt, m.cp.ChangedBy = paused, now, "test"
	return nil
}

// Fail makes the next commit fail.
func (m *Memory) Fail(_ context.Context, at Fault) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = at
	return nil
}

// memoryApplier applies to a Memory.
type memoryApplier struct {
	m     *Memory
	known bool // whether at was read
	at    capture.Position
}

// errLost is a lost connection.
type errLost struct{}

func (errLost) Error() string   { return "connection lost" }
func (errLost) Retryable() bool { return true }

func (a *memoryApplier) Checkpoint(ctx context.Context) (apply.Checkpoint, error) {
	if ctx.Err() != nil {
		return apply.Checkpoint{}, context.Cause(ctx)
	}
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	a.at, a.known = a.m.cp.Position, true
	return a.m.cp, nil
}

// Begin implements [apply.Beginner].
func (a *memoryApplier) Begin(_ context.Context, m capture.Mark) error {
	a.m.mu.Lock()
	defer a.m.mu.Unlock()
	cp, before := &a.m.cp, m.Position-1
	if cp.Source == "" && cp.Position == 0 {
		cp.Source, cp.Position = m.Source, before
	}
	a.at, a.known = cp.Position, true
	if cp.Source != m.Source || cp.Position != before {
		return fmt.Errorf("%w: checkpoint is %s", apply.ErrFenced, cp.Position)
	}
	return nil
}

func (a *memoryApplier) Apply(ctx context.Context, batch []*capture.Tx) error {
	if len(batch) == 0 {
		return nil
	}
	m := a.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := a.mayApply(batch); err != nil {
		return err
	}
	work := &memoryTx{held: maps.Clone(m.held), cloned: map[string]bool{}, writes: maps.Clone(m.writes)}
	for _, tx := range batch {
		if err := work.apply(ctx, tx); err != nil {
			return fmt.Errorf("apply %s: %w", tx.Position, err)
		}
	}
	fault := m.fault
	m.fault = 0
	if fault == BeforeCommit {
		return errLost{}
	}
	last := batch[len(batch)-1]
	m.held, m.writes = work.held, work.writes
	m.cp.Source, m.cp.Position, m.cp.AppliedAt = last.Source, last.Position, time.Now().UTC()
	if fault == AfterCommit {
		return errLost{}
	}
	a.at = last.Position
	return nil
}

func (a *memoryApplier) mayApply(batch []*capture.Tx) error {
	cp := a.m.cp
	switch {
	case !a.known:
		return errors.New("Apply before Checkpoint")
	case cp.Position != a.at:
		return fmt.Errorf("%w: checkpoint is %s, not %s", apply.ErrFenced, cp.Position, a.at)
	case cp.Paused:
		return fmt.Errorf("%w since %s", apply.ErrPaused, cp.ChangedAt.Format(time.RFC3339))
	}
	source := cp.Source
	for _, tx := range batch {
		if source != "" && tx.Source != source {
			return fmt.Errorf("%w: %q, not %q", capture.ErrOtherSource, tx.Source, source)
		}
		source = tx.Source
	}
	return nil
}
