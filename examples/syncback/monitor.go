package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// States that are not of apply.Drain's: of a run, and of what status sees.
const (
	stateStarting   = "starting"
	stateApplying   = "applying"
	stateStandby    = "standby"
	stateStopped    = "stopped"
	stateElsewhere  = "running elsewhere"
	stateNotRunning = "not running"
)

// monitor keeps the status file of a run up to date.
type monitor struct {
	dir     string
	log     *slog.Logger
	clean   func(string) string // takes secrets out of an error
	changed chan struct{}

	mu      sync.Mutex
	at      progress
	queue   *backlog // nil until what waits in it was counted
	capture error    // what capture waits after; nil while it goes on
	apply   error    // what applying is retried after
}

// newMonitor goes on from what the last run on the queue told: that holds until
// the queue was counted anew.
func newMonitor(p *pipeline) *monitor {
	m := &monitor{
		dir:     p.cfg.queue.Dir,
		log:     p.log,
		clean:   p.secrets.clean,
		changed: make(chan struct{}, 1),
	}
	if last, err := readProgress(m.dir); err == nil && last != nil {
		m.at = *last
	}
	m.at.Pipeline, m.at.PID, m.at.State = p.cfg.target.Pipeline, os.Getpid(), stateStarting
	return m
}

// counts tells the monitor whose counts to report.
func (m *monitor) counts(b *backlog) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue = b
}

// applying takes in what Drain says of itself.
func (m *monitor) applying(p apply.Progress) {
	state := string(p.State)
	if p.State == apply.Applied {
		state = stateApplying
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue.applied(p)
	if state != m.at.State {
		m.wake()
	}
	m.at.State, m.at.NextWindow, m.apply = state, p.NextWindow, p.Err
}

// capturing takes in what Fill says of itself.
func (m *monitor) capturing(s queue.FillState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if (s.Waiting == nil) != (m.capture == nil) {
		m.wake()
	}
	m.capture = s.Waiting
}

// wake has the file written before its next second.
func (m *monitor) wake() {
	select {
	case m.changed <- struct{}{}:
	default: // it is about to be written anyway
	}
}

// stuck returns why capture waits for what is queued to be applied: there is no
// room for more, or nothing more can be captured. It is nil while it does not.
func (m *monitor) stuck() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if errors.Is(m.capture, queue.ErrFull) || errors.Is(m.capture, capture.ErrTables) {
		return m.capture
	}
	return nil
}

// follow writes the file every second and whenever the state changes, until ctx
// ends. A file that cannot be written does not stop the run.
func (m *monitor) follow(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	failed := false
	for ctx.Err() == nil {
		err := m.write()
		if err != nil && !failed {
			m.log.Warn("status is out of date", "err", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-m.changed:
		}
	}
}

// stop writes the file for the last time: err is why the run ends. That it was
// told to is no error.
func (m *monitor) stop(err error) error {
	m.mu.Lock()
	m.at.State, m.at.NextWindow = stateStopped, time.Time{}
	if err != nil {
		m.capture, m.apply = nil, err
		if errors.Is(err, context.Canceled) {
			m.apply = nil
		}
	}
	m.mu.Unlock()
	return m.write()
}

func (m *monitor) write() error {
	m.mu.Lock()
	m.at.WrittenAt, m.at.LastError = time.Now(), ""
	if err := cmp.Or(m.apply, m.capture); err != nil {
		m.at.LastError = m.clean(sentence(err))
	}
	if m.queue != nil {
		m.queue.report(&m.at)
	}
	at := m.at
	if errors.Is(m.capture, capture.ErrInUse) && (at.State == string(apply.Idle) || at.State == stateStarting) {
		at.State = stateStandby
	}
	m.mu.Unlock()
	return at.write(m.dir)
}
