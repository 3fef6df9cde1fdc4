package plugin

import (
	"context"
	"sync"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Plugin is a plugin that was started. Its calls may be made from any goroutine,
// and are made one at a time.
type Plugin struct {
	// Resolver and Emulator are what the plugin's rules are; nil where they are
	// not. They can be used until the plugin is closed.
	Resolver resolve.Resolver
	Emulator resolve.Emulator

	host *host
}

// Start starts a plugin, and starts it again when it ends, until ctx ends or it
// is closed. An error says in one sentence what is wrong with the file, its
// checksum, its version or its configuration.
func Start(ctx context.Context, c Config) (*Plugin, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	first, err := c.start(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	h := &host{Config: c, turn: make(chan struct{}, 1), live: first, stop: stop, stopped: make(chan struct{})}
	p := &Plugin{host: h}
	if first.resolves {
		p.Resolver = resolver{h}
	}
	if first.emulates {
		p.Emulator = emulator{h}
	}
	go h.keep(ctx, first)
	return p, nil
}

// Close ends the plugin's process, and returns when it has ended. A call that is
// being made fails.
func (p *Plugin) Close() error {
	p.host.stop()
	<-p.host.stopped
	return nil
}

// host keeps a plugin running.
type host struct {
	Config
	turn    chan struct{} // holds a token while a call is made
	stop    context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex
	live    *instance // nil while there is none
	gone    error     // why there will be none any more
	worked  bool      // whether the last one answered a call
	blame   blame
	givenUp map[sum]*Error // the calls that are not made again
}

// keep starts the plugin again each time that it ends.
func (h *host) keep(ctx context.Context, i *instance) {
	defer close(h.stopped)
	defer h.stop()
	backoff, failures := h.Backoff, 0
	for {
		select {
		case <-ctx.Done():
			h.down(h.permanent("was closed"))
			i.kill()
			return
		case <-i.process.exited:
		}
		if h.down(nil) {
			backoff.Reset()
			failures = 0
		}
		i.kill()
		if !i.called.Load() { // else the call counts it
			failures++
		}
		h.Logger.Warn("the plugin ended and is started again", "status", i.process.status(), "not_quoted", i.lines.notQuoted())
		if i = h.again(ctx, &backoff, failures); i == nil {
			return
		}
	}
}

// again starts the plugin after failures in a row. It returns nil when it gave
// up, or was told to.
func (h *host) again(ctx context.Context, backoff *capture.Backoff, failures int) *instance {
	last := error(h.passing("ended without a call"))
	for {
		if failures >= h.Attempts {
			h.down(h.permanent("failed %d times in a row; see to it and start this program again; the last time it %s", failures, problem(last)))
			return nil
		}
		if backoff.Wait(ctx) != nil {
			h.down(h.permanent("was closed"))
			return nil
		}
		i, err := h.start(ctx)
		switch {
		case err == nil:
			h.up(i)
			return i
		case ctx.Err() != nil:
			h.down(h.permanent("was closed"))
			return nil
		case !capture.Retryable(err):
			h.down(err)
			return nil
		}
		failures++
		last = err
		h.Logger.Warn("the plugin could not be started", "attempt", failures, "err", err)
	}
}

// up notes that there is a plugin.
func (h *host) up(i *instance) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live = i
}

// down notes that there is no plugin, for good where a reason is given, and
// returns whether the last one answered a call.
func (h *host) down(gone error) (worked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.live, h.gone = nil, gone
	worked, h.worked = h.worked, false
	return worked
}

// current returns the plugin that runs.
func (h *host) current() (*instance, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.gone != nil:
		return nil, h.gone
	case h.live == nil || h.live.process.hasExited():
		return nil, h.passing("ended and is being started again")
	}
	return h.live, nil
}
