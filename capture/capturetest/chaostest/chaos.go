// Package chaostest makes calls fail for tests: each call site that reaches an
// interface fails once before the call has its effect, and once after it.
package chaostest

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
)

// Chaos fails calls. The zero Chaos fails each call site twice: the first time
// before the effect, the second time after it. It may be used from several
// goroutines.
type Chaos struct {
	// Times is how often a site fails before, and how often after; 0 means once.
	Times int

	mu    sync.Mutex
	sites map[string]int
}

// Call makes a call of that name, or fails before or after it with a
// [LostError]. An error of the call itself is returned as it is, and the failure
// that was due comes with the next call.
func (c *Chaos) Call(name string, do func() error) error {
	site := name + " from " + callSite()
	n, times := c.count(site, 1), max(1, c.Times)
	if n <= times {
		return LostError{"before " + site}
	}
	err := do()
	switch {
	case err != nil && n <= 2*times:
		c.count(site, -1)
		return err
	case n <= 2*times:
		return LostError{"after " + site}
	default:
		return err
	}
}

// count returns how often the site was called, after adding to it.
func (c *Chaos) count(site string, add int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sites == nil {
		c.sites = map[string]int{}
	}
	c.sites[site] += add
	return c.sites[site]
}

// Sites returns how often each call site was seen.
func (c *Chaos) Sites() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.sites)
}

// Failed reports whether a site that was called so often has failed as often as
// it is to.
func (c *Chaos) Failed(called int) bool { return called > 2*max(1, c.Times) }

// LostError is what a call fails with. It may be retried.
type LostError struct{ What string }

// Error says which call it was.
func (e LostError) Error() string { return "chaos: connection lost " + e.What }

// Retryable is true.
func (e LostError) Retryable() bool { return true }

const module = "github.com/syncback/syncback/"

// callSite names the functions and lines that are being executed, those of tests
// and of this package aside.
func callSite() string {
	var pcs [128]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var lines []string
	for {
		f, more := frames.Next()
		name, ours := strings.CutPrefix(f.Function, module)
		if ours && !strings.HasSuffix(f.File, "_test.go") && !strings.HasPrefix(name, "capture/capturetest/") {
			lines = append(lines, fmt.Sprintf("%s:%d", name, f.Line))
		}
		if !more {
			return strings.Join(lines, " ")
		}
	}
}
