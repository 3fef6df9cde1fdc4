package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/syncback/syncback/capture"
)

// Queue is what Drain needs of a queue; a queue.Queue is one. Its methods are
// used from two goroutines, one for each.
//
// A Queue that also has queue.Queue's Last is asked with it what is there when
// a window opens, and the window closes once that is applied. Without it the
// window closes when the queue has nothing more.
type Queue interface {
	// Next returns the first transaction after the position after, and waits
	// until there is one or ctx ends. It refuses with capture.ErrGap when it no
	// longer holds what comes after.
	Next(ctx context.Context, after capture.Position) (*capture.Tx, error)
	// Trim tells the queue that everything up to and with upTo was applied.
	Trim(ctx context.Context, upTo capture.Position) error
}

// Config says when Drain applies, and how much at once. The zero Config is
// ready to use.
type Config struct {
	// Schedule says when; the zero Schedule is always.
	Schedule Schedule
	// MaxTxs, MaxChanges and MaxBytes bound the transactions of the source that
	// share one transaction of the target. A group takes what is immediately
	// there and never waits to fill up. A larger transaction goes alone. 0
	// means 100 transactions, 1,000 changes, 4 MiB.
	MaxTxs     int
	MaxChanges int64
	MaxBytes   int64
	// Pace is the share of the time, up to 1, that transactions of the target
	// may take: behind each Drain rests for as long as leaves it at that, so
	// that a target that slows is left alone for longer. 0 means 1, without a
	// rest.
	Pace float64
	// Until makes a run by hand: the first transaction at or after it is the
	// last that Drain applies, and then Drain returns nil. The schedule's mode
	// does not matter then. Its blackouts do, and like a pause they are not
	// waited for: Drain returns ErrClosed or ErrPaused, wrapped. 0 means to go
	// on until ctx ends.
	Until capture.Position
	// Grace is how much longer a transaction of the target may take when ctx
	// ends or a blackout begins while it is open; then it is rolled back. 0
	// means 30s; negative means none.
	Grace time.Duration
	// GiveUpAfter is how long an error that may pass is retried without
	// success; 0 means without end.
	GiveUpAfter time.Duration
	// Backoff spaces these retries.
	Backoff capture.Backoff
	// Poll is how often the checkpoint is read while the pipeline is paused, or
	// waits to be asked in the mode Manual; 0 means 2s.
	Poll time.Duration
	// Idle is how long the queue must have had nothing before everything counts
	// as applied, which ends a window of the modes Every, Cron and Manual; 0
	// means 1s.
	Idle time.Duration
	// Observe is called from Drain's goroutine when a group was applied and
	// when Drain begins to wait for something. It should not block. nil means
	// that no one watches.
	Observe func(Progress)
	// Logger gets the few lines that Drain writes; nil discards them.
	Logger *slog.Logger
}

// validate says what is wrong with c, as one sentence, or returns nil.
func (c *Config) validate() error {
	if !(c.Pace >= 0 && c.Pace <= 1) { // also not a number
		return fmt.Errorf("pace is %v; it must be a share from 0 to 1", c.Pace)
	}
	return c.Schedule.Validate()
}

// Drain applies what q holds to a, in order, until ctx ends or it cannot go
// on, and returns why: the cause of ctx's end, or an error that says what to
// do. It leaves nothing running. q and a are not used by others meanwhile,
// except that q may be written to.
//
// It starts from a's checkpoint, and after each group trims q up to it. Errors
// for which [capture.Retryable] is true are retried from the checkpoint, since
// the group may have been committed. When a group of several is refused for
// good its transactions are applied one at a time, so that all before the
// refused one are applied; the [TxError] that is then returned names that one.
// Where another session moves the checkpoint, Drain ends with [ErrFenced]; but
// before anything was applied the first time is taken for a COMMIT that arrives
// late, of a process that was killed. A pause is waited out. Another source than
// the checkpoint's is refused with [capture.ErrOtherSource], and a queue that no
// longer holds what comes after the checkpoint with [capture.ErrGap].
func Drain(ctx context.Context, q Queue, a Applier, cfg Config) error {
	if err := cfg.validate(); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	d := newDrain(q, a, cfg)
	for {
		done, err := d.round(ctx)
		if done || err != nil {
			return err
		}
	}
}

// drain is the state of one Drain.
type drain struct {
	cfg Config
	q   Queue
	a   Applier
	log *slog.Logger

	source   capture.Source   // of what was applied last; empty is not known
	position capture.Position // the checkpoint's
	// unsure are the groups whose outcome was not told, since the checkpoint was
	// last seen to move, by where they end. A session that lost its connection
	// may commit one even while the next attempt waits for it.
	unsure map[capture.Position]Progress
	fenced error            // unless the checkpoint is at one of unsure
	fresh  bool             // nothing was applied, and no late COMMIT was met
	alone  capture.Position // up to here transactions are applied one at a time
	seen   Progress         // what was last observed
	took   time.Duration    // by the target for the last group

	win    *window   // nil while none is open
	opened time.Time // when one opened last
	// resumed is the checkpoint's ChangedAt that was acted upon, and heard
	// whether one was read at all.
	resumed time.Time
	heard   bool

	read, write, next, trim retry
}

func newDrain(q Queue, a Applier, cfg Config) *drain {
	cfg.MaxTxs = positive(cfg.MaxTxs, 100)
	cfg.MaxChanges = positive(cfg.MaxChanges, 1000)
	cfg.MaxBytes = positive(cfg.MaxBytes, 4<<20)
	cfg.Grace = max(0, cmp.Or(cfg.Grace, 30*time.Second))
	cfg.Poll = positive(cfg.Poll, 2*time.Second)
	cfg.Idle = positive(cfg.Idle, time.Second)
	if cfg.Until != 0 {
		cfg.Schedule.Mode = Continuous
	}
	d := &drain{
		cfg: cfg, q: q, a: a, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		unsure: make(map[capture.Position]Progress), fresh: true,
	}
	if cfg.Schedule.Mode == Cron {
		d.opened = time.Now() // a firing counts from the start
	}
	for _, r := range []*retry{&d.read, &d.write, &d.next, &d.trim} {
		r.backoff = cfg.Backoff
	}
	return d
}

// positive returns v, or the default where v is none that could be used.
func positive[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// round waits until it may apply, reads the checkpoint and applies what comes
// after it, for as long as nothing is in the way. It returns false and nil to
// be called again.
func (d *drain) round(ctx context.Context) (done bool, err error) {
	if err := d.gate(ctx); err != nil {
		return false, err
	}
	cp, err := d.a.Checkpoint(ctx)
	if err != nil {
		return false, d.retry(ctx, &d.read, "read the checkpoint", err)
	}
	d.read.reset()
	if err := d.resync(ctx, cp); err != nil {
		return false, err
	}
	if d.reaches(d.position) {
		return true, nil
	}
	if cp.Paused {
		return false, d.paused(ctx, cp)
	}
	if open, err := d.window(ctx, cp); err != nil || !open {
		return false, err
	}
	return d.session(ctx)
}

// resync takes over the checkpoint, and makes up for the lost answer of a group
// that was committed.
func (d *drain) resync(ctx context.Context, cp Checkpoint) error {
	before := d.position
	d.source, d.position = cp.Source, cp.Position
	if !d.heard {
		d.heard, d.resumed = true, cp.ChangedAt
	}
	group, ours := d.unsure[cp.Position]
	fenced := d.fenced
	d.fenced = nil
	if !ours {
		return d.inherit(before, fenced)
	}
	clear(d.unsure)
	d.fresh = false
	if err := d.committed(ctx, group); err != nil {
		return d.retry(ctx, &d.trim, "trim the queue", err)
	}
	return nil
}

// inherit passes over a first fencing: a session of a process that was killed may
// commit while this one waits for it. It had one transaction open, so that a
// second fencing is by a process that lives.
func (d *drain) inherit(before capture.Position, fenced error) error {
	if fenced == nil || !d.fresh || d.position <= before {
		return fenced
	}
	d.fresh = false
	clear(d.unsure)
	d.log.Warn("a transaction of an earlier process was committed late", "pos", d.position.String())
	return nil
}

// reaches reports whether a run by hand ends with the transaction at position.
func (d *drain) reaches(position capture.Position) bool {
	return d.cfg.Until != 0 && position >= d.cfg.Until
}

// paused waits for a while, or says who paused when no one is there to wait.
func (d *drain) paused(ctx context.Context, cp Checkpoint) error {
	d.write.reset()
	if d.cfg.Until != 0 {
		return fmt.Errorf("drain: %w since %s by %q; resume it and run again",
			ErrPaused, cp.ChangedAt.Format(time.RFC3339), cp.ChangedBy)
	}
	d.observe(Progress{State: Paused})
	return d.wait(ctx, d.cfg.Poll)
}

// session applies group after group until the window is over, or something has
// to be sorted out in a new round.
func (d *drain) session(ctx context.Context) (done bool, err error) {
	f := follow(ctx, d.q, d.position, d.cfg.MaxTxs)
	defer f.stop()
	for {
		batch, err := d.group(ctx, f)
		switch {
		case err != nil:
			return false, err
		case batch == nil:
			return false, nil
		}
		ok, err := d.apply(ctx, batch)
		switch {
		case err != nil:
			return false, err
		case d.reaches(d.position):
			return true, nil
		case !ok:
			return false, nil
		}
		if err := d.rest(ctx); err != nil {
			return false, err
		}
	}
}

// rest leaves the target to its own users, as the pace demands.
func (d *drain) rest(ctx context.Context) error {
	if d.cfg.Pace == 0 {
		return nil
	}
	rest := float64(d.took) * (1/d.cfg.Pace - 1)
	if !(rest >= 1) {
		return nil
	}
	long := time.Duration(math.MaxInt64)
	if rest < math.MaxInt64 {
		long = time.Duration(rest)
	}
	d.observe(Progress{State: Resting})
	return d.wait(ctx, long)
}

// apply writes one group and trims the queue. It returns false when the next
// group has to start from the target's checkpoint again.
func (d *drain) apply(ctx context.Context, batch []*capture.Tx) (ok bool, err error) {
	p := progressOf(batch)
	start := time.Now()
	var applied, trimmed error
	d.withGrace(ctx, func(ctx context.Context) {
		if applied = d.a.Apply(ctx, batch); applied == nil {
			p.Duration = time.Since(start)
			d.took = p.Duration
			trimmed = d.committed(ctx, p)
		}
	})
	if applied != nil {
		return false, d.refused(ctx, batch, applied)
	}
	clear(d.unsure)
	d.fresh = false
	d.source, d.position = batch[0].Source, p.Position
	if trimmed != nil {
		return false, d.retry(ctx, &d.trim, "trim the queue", trimmed)
	}
	return true, nil
}

// committed is called once for each group that the target has committed.
func (d *drain) committed(ctx context.Context, p Progress) error {
	d.write.reset()
	p.State = Applied
	d.observe(p)
	if err := d.q.Trim(ctx, p.Position); err != nil {
		return err
	}
	d.trim.reset()
	return nil
}

// refused decides what follows from the error of an Apply. nil means to go on
// from the target's checkpoint.
func (d *drain) refused(ctx context.Context, batch []*capture.Tx, err error) error {
	last := batch[len(batch)-1]
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case d.win.isOver(time.Now()):
		d.unsure[last.Position] = progressOf(batch)
		return nil // rolled back, or refused; the next window will tell
	case errors.Is(err, ErrPaused):
		d.observe(Progress{State: Paused})
		return d.wait(ctx, d.cfg.Poll) // the checkpoint says since when, and by whom
	case errors.Is(err, ErrFenced):
		err = fmt.Errorf("drain: apply after %s: %w; stop the other process, or this one", d.position, err)
		if len(d.unsure) == 0 && !d.fresh {
			return err
		}
		d.fenced = err // unless it was a session of our own, or of one before us
		return nil
	case errors.Is(err, capture.ErrOtherSource):
		return fmt.Errorf("drain: apply at %s: %w", last.Position, err)
	case capture.Retryable(err):
		d.unsure[last.Position] = progressOf(batch)
		return d.retry(ctx, &d.write, "apply", err)
	case len(batch) > 1:
		d.alone = last.Position
		d.log.Warn("group refused, applying its transactions one at a time", "txs", len(batch), "pos", last.Position.String(), "err", err)
		return nil
	default:
		return newTxError(last, err)
	}
}
