package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue/queuetest"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

func init() { mains["summing"] = func() { plugin.Serve(summing{}) } }

// account is the table of these tests: a key and a sum.
var account = &capture.Table{Schema: "dbo", Name: "account", Columns: []capture.Column{
	{Name: "ref", Base: "int", Modifier: -1, Key: true}, {Name: "sum", Base: "int", Modifier: -1},
}}

// summing are rules in which everything that is done twice, or not at all, is
// seen in the end: a change adds to the target's sum, and a number is taken for
// each. Where a conflict names a Constraint that is a path, the rule writes there
// that it was asked, and does not answer before the file is gone.
type summing struct{}

func (summing) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	if path := conflicts[0].Constraint; path != "" {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return nil, err
		}
		for ctx.Err() == nil && exists(path) {
			time.Sleep(time.Millisecond)
		}
	}
	rule := resolve.Merge(resolve.Merging{Both: resolve.Additive()})
	return rule.Resolve(ctx, conflicts)
}

func (summing) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	var out []capture.Change
	for range changes {
		n, err := target.Next(ctx, "dbo.serials")
		if err != nil {
			return nil, err
		}
		number := capture.Text(strconv.FormatInt(n, 10))
		out = append(out, capture.Change{Op: capture.Insert, Table: account, After: capture.Row{number, capture.Text("1")}})
	}
	return out, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// moment is when, in one transaction of the target, the plugin is killed.
type moment int

const (
	never moment = iota
	beforeCall
	duringCall
	duringQuestion // of an Emulator to the target
	beforeCommit   // after its answer
	afterCommit
)

// moments has one for each transaction: 100 kills.
func moments() []moment {
	var out []moment
	for m, times := range map[moment]int{never: 20, beforeCall: 30, duringCall: 20, duringQuestion: 10, beforeCommit: 10, afterCommit: 30} {
		for range times {
			out = append(out, m)
		}
	}
	return out // in the order of the map, which is another one each time
}

// bank is a target in memory: what a transaction writes is seen once it commits.
type bank struct {
	rules      resolve.Resolver
	emulator   resolve.Emulator
	at         func(m moment, tx capture.Position) // called at each moment of each transaction
	constraint func(tx capture.Position) string

	rows       map[string]int
	numbers    int64
	checkpoint apply.Checkpoint
}

// bankTx is an open transaction, and the target that an Emulator reads.
type bankTx struct {
	bank    *bank
	tx      capture.Position
	rows    map[string]int
	numbers int64
}

func (b *bank) Checkpoint(context.Context) (apply.Checkpoint, error) { return b.checkpoint, nil }

func (b *bank) Apply(ctx context.Context, batch []*capture.Tx) error {
	last := batch[len(batch)-1]
	open := &bankTx{bank: b, tx: last.Position, rows: maps.Clone(b.rows), numbers: b.numbers}
	for _, tx := range batch {
		if err := open.write(ctx, tx); err != nil {
			return err
		}
	}
	b.at(beforeCommit, last.Position)
	b.rows, b.numbers = open.rows, open.numbers
	b.checkpoint = apply.Checkpoint{Source: last.Source, Position: last.Position}
	b.at(afterCommit, last.Position)
	return nil
}

func (x *bankTx) write(ctx context.Context, tx *capture.Tx) error {
	var conflicts []*resolve.Conflict
	var written []capture.Change
	for c, err := range tx.Changes {
		if err != nil {
			return err
		}
		key, _ := c.After[0].Text()
		conflicts = append(conflicts, &resolve.Conflict{
			Kind: resolve.UpdateDiffers, Op: capture.Update, Table: account, Rule: "summing", Position: tx.Position,
			Base: c.Before, Incoming: c.After, Constraint: x.bank.constraint(tx.Position), Differs: []int{1},
			Current: capture.Row{c.After[0], capture.Text(strconv.Itoa(x.rows[key]))},
		})
		written = append(written, c)
	}
	x.bank.at(beforeCall, tx.Position)
	answers, err := resolve.Ask(ctx, x.bank.rules, conflicts)
	if err != nil {
		return err
	}
	for i, a := range answers {
		if a.Action != resolve.TakeRow {
			return fmt.Errorf("conflict %d was answered with %s", i, a.Action)
		}
		key, _ := conflicts[i].Incoming[0].Text()
		if sum, ok := a.Row[1].Text(); ok {
			x.rows[key], _ = strconv.Atoi(sum)
		}
	}
	further, err := x.bank.emulator.Emulate(ctx, written, x)
	for _, c := range further {
		number, _ := c.After[0].Text()
		x.rows["number "+number]++
	}
	return err
}

// Next implements resolve.Target.
func (x *bankTx) Next(context.Context, string) (int64, error) {
	x.bank.at(duringQuestion, x.tx)
	x.numbers++
	return x.numbers, nil
}

func (x *bankTx) Rows(context.Context, resolve.Query) (resolve.Result, error) {
	return resolve.Result{}, errors.ErrUnsupported
}

func (x *bankTx) Call(context.Context, string, []resolve.Argument) (resolve.Result, error) {
	return resolve.Result{}, errors.ErrUnsupported
}

// run drains the transactions, and returns what the target then has.
func (b *bank) run(t *testing.T, txs int) map[string]int {
	t.Helper()
	b.rows = map[string]int{}
	q := queuetest.NewMemory()
	defer q.Close()
	for i := range txs {
		changes := []capture.Change{adding(i%7, i, i+1), adding(7+i%5, 3*i, i)}
		tx := &capture.Tx{Source: "bank", Position: capture.Position(i + 1), ID: uint64(i), Changes: func(yield func(capture.Change, error) bool) {
			_ = yield(changes[0], nil) && yield(changes[1], nil)
		}}
		if err := q.Write(t.Context(), tx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	cfg := apply.Config{Until: capture.Position(txs), MaxTxs: 1, Backoff: capture.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond}}
	if err := apply.Drain(t.Context(), q, b, cfg); err != nil {
		t.Fatal(err)
	}
	return b.rows
}

// adding is a change of a sum in the source.
func adding(ref, from, to int) capture.Change {
	text := func(n int) capture.Value { return capture.Text(strconv.Itoa(n)) }
	return capture.Change{Op: capture.Update, Table: account, Before: capture.Row{text(ref), text(from)}, After: capture.Row{text(ref), text(to)}}
}

// TestKilled kills the plugin 100 times: the target is what it is without that.
func TestKilled(t *testing.T) {
	none := func(capture.Position) string { return "" }
	want := (&bank{rules: summing{}, emulator: summing{}, at: func(moment, capture.Position) {}, constraint: none}).run(t, len(moments()))

	var restarts atomic.Int64
	c := config(t, "summing")
	c.Backoff = capture.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond}
	c.Attempts = 50
	c.Logger = slog.New(counting{slog.DiscardHandler, "status", "signal: killed", &restarts})
	k := &killer{t: t, plugin: start(t, c), when: moments(), done: map[capture.Position]bool{}, dir: t.TempDir()}
	b := &bank{rules: k.plugin.Resolver, emulator: k.plugin.Emulator, at: k.at, constraint: k.constraint}
	got := b.run(t, len(k.when))
	if !maps.Equal(got, want) {
		t.Errorf("after %d kills the target has\n%v\nand without any\n%v", len(k.killed()), got, want)
	}
	k.plugin.Process(t.Context()) // the last one is counted once it is started again
	if n := len(k.killed()); n != 100 || restarts.Load() != 100 {
		t.Errorf("the plugin was to be killed 100 times, was killed %d times and started again %d times", n, restarts.Load())
	}
}

// killer kills the plugin once in each transaction, at the moment that is meant.
type killer struct {
	t      *testing.T
	plugin *plugin.Plugin
	when   []moment
	dir    string

	mu   sync.Mutex
	done map[capture.Position]bool
}

// first reports whether the transaction's kill is still to come, and notes that
// it is not where the caller is the one who kills.
func (k *killer) first(tx capture.Position, mine bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	first := !k.done[tx]
	k.done[tx] = k.done[tx] || mine
	return first
}

// killed returns the transactions in which it was killed.
func (k *killer) killed() (out []capture.Position) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for tx, done := range k.done {
		if done {
			out = append(out, tx)
		}
	}
	return out
}

func (k *killer) at(m moment, tx capture.Position) {
	if m != afterCommit { // the plugin is alive when the moment comes, and not killed anyway
		k.plugin.Process(k.t.Context())
	}
	if k.when[tx-1] == m {
		k.kill(tx)
	}
}

// kill kills the plugin and waits until that is seen.
func (k *killer) kill(tx capture.Position) {
	if !k.first(tx, true) {
		return
	}
	process := k.plugin.Process(k.t.Context())
	if err := process.Kill(); err != nil {
		k.t.Errorf("kill: %v", err)
	}
	for !k.plugin.Gone(process.Pid) && k.t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// constraint is the path by which the plugin says that it is in a call. Someone
// kills it there, once; the next time nobody waits.
func (k *killer) constraint(tx capture.Position) string {
	if k.when[tx-1] != duringCall || !k.first(tx, false) {
		return ""
	}
	path := fmt.Sprintf("%s/%d", k.dir, tx)
	go func() {
		for !exists(path) && k.t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		k.kill(tx)
	}()
	return path
}

// counting counts the log lines that have an attribute with that value.
type counting struct {
	slog.Handler
	key, value string
	n          *atomic.Int64
}

func (c counting) Enabled(context.Context, slog.Level) bool { return true }

func (c counting) WithAttrs([]slog.Attr) slog.Handler { return c }

func (c counting) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == c.key && a.Value.String() == c.value {
			c.n.Add(1)
		}
		return true
	})
	return nil
}
