//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// settings are the package's own. Commits need not survive the machine, so
// nothing waits for the disk.
var settings = map[string]string{
	"listen_addresses":           "127.0.0.1",
	"unix_socket_directories":    "",
	"wal_level":                  "logical",
	"max_wal_senders":            "100",
	"max_replication_slots":      "100",
	"max_connections":            "200",
	"max_prepared_transactions":  "20",
	"fsync":                      "off",
	"full_page_writes":           "off",
	"shared_buffers":             "32MB",
	"jit":                        "off",
	"dynamic_shared_memory_type": "mmap", // in the cluster's folder, and gone with it
}

func (c *Cluster) configure(more map[string]string) error {
	all := maps.Clone(settings)
	maps.Copy(all, more)
	return c.append(all)
}

// append puts settings behind those that are there, which they replace.
func (c *Cluster) append(all map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(all[name], "'", "''"))
	}
	f, err := os.OpenFile(filepath.Join(c.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, b.String())
	return errors.Join(err, f.Close())
}

// process is a server that was started; done is closed once it has ended.
type process struct {
	os   *os.Process
	done chan struct{}
}

// launch starts the server and waits until it is ready. The caller holds mu.
func (c *Cluster) launch(ctx context.Context) error {
	c.log.reset()
	// The server must not end with ctx, which is that of its start.
	cmd := c.command(context.Background(), "postgres", "-D", c.data(), "-p", strconv.Itoa(c.port))
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.WaitDelay = time.Second // a backend may hold on to stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &process{os: cmd.Process, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // how it ended is in its log
	}()
	c.server = p
	if err := c.awaitReady(ctx); err != nil {
		return errors.Join(err, c.halt(syscall.SIGQUIT))
	}
	return nil
}

// launchSomewhere starts the server on a port that is free. The caller holds mu.
func (c *Cluster) launchSomewhere(ctx context.Context) (err error) {
	const attempts = 5 // the port may be taken between the look and the start
	for range attempts {
		if c.port, err = freePort(); err != nil {
			return err
		}
		if err = c.launch(ctx); err == nil || !c.log.contains("could not bind") {
			return err
		}
	}
	return err
}

// relaunch starts the server on the port that it had. The caller holds mu.
func (c *Cluster) relaunch(ctx context.Context) error {
	for {
		err := c.launch(ctx)
		if err == nil || !c.log.contains("could not bind") {
			return err
		}
		select { // the port is another's for a moment
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// awaitReady waits until the server says in postmaster.pid that it takes
// connections. A connection would not tell whose server answered on the port.
func (c *Cluster) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !c.ready() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w\n%s", context.Cause(ctx), c.log)
		case <-c.server.done:
			return fmt.Errorf("the server ended as it started:\n%s", c.log)
		case <-tick.C:
		}
	}
	return nil
}

// ready reads lines 1 and 8 of postmaster.pid: the server's process and its
// status (PostgreSQL source, src/include/utils/pidfile.h).
func (c *Cluster) ready() bool {
	b, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	lines := strings.Split(string(b), "\n")
	if err != nil || len(lines) < 8 || lines[0] != strconv.Itoa(c.server.os.Pid) {
		return false
	}
	status := strings.TrimSpace(lines[7])
	return status == "ready" || status == "standby"
}

// halt ends the server, by force when it takes long: an orderly shutdown waits
// for replication clients that may not answer. The caller holds mu.
func (c *Cluster) halt(sig syscall.Signal) error {
	p := c.server
	if p == nil {
		return nil
	}
	c.server = nil
	for _, sig := range []syscall.Signal{sig, syscall.SIGQUIT, syscall.SIGKILL} {
		if err := p.os.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop the server: %w", err)
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(8 * time.Second):
		}
	}
	return errors.New("the server did not stop")
}

// tail keeps the end of what is written to it, and passes all of it on.
type tail struct {
	next io.Writer // may be nil

	mu  sync.Mutex
	end []byte
}

// Write never fails: a log that cannot be written must not stop the server.
func (t *tail) Write(p []byte) (int, error) {
	const most = 16 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	t.end = t.end[max(0, len(t.end)-most):]
	if t.next != nil {
		_, _ = t.next.Write(p)
	}
	return len(p), nil
}

func (t *tail) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = nil
}

func (t *tail) contains(s string) bool { return strings.Contains(t.String(), s) }

// String returns the end of the log.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.end)
}
