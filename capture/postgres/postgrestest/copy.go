//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Save keeps a copy of all that the cluster holds, in place of the one before,
// for PutBack. The server is shut down in order and started again.
func (c *Cluster) Save(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whileStopped(ctx, syscall.SIGINT, func() error { return copyFolder(ctx, c.data(), c.saved()) })
}

// PutBack makes the cluster what it was when Save was called, as one does who
// has a copy of the disk: it has forgotten what it wrote since, on the same
// timeline. The server is stopped and started again.
func (c *Cluster) PutBack(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.whileStopped(ctx, syscall.SIGQUIT, func() error { return copyFolder(ctx, c.saved(), c.data()) })
}

// Standby makes a standby of the cluster, which streams from it under these
// settings, and returns once it takes connections. It has the cluster's roles
// and passwords, and a port of its own. For the copy that it begins with, the
// cluster's server is shut down in order and started again.
//
// The cluster must keep its log until the standby has it: the setting
// primary_slot_name can name a slot for that.
func (c *Cluster) Standby(ctx context.Context, settings map[string]string) (*Cluster, error) {
	s, err := newCluster(Config{Dir: filepath.Dir(c.dir)})
	if err != nil {
		return nil, err
	}
	s.bin, s.version, s.password = c.bin, c.version, c.password
	if err := c.feed(ctx, s, settings); err != nil {
		return nil, errors.Join(fmt.Errorf("start a standby: %w", err), s.Stop())
	}
	return s, nil
}

// Promote makes a standby a server of its own, on a new timeline, and returns
// once it can be written to.
func (c *Cluster) Promote(ctx context.Context) error {
	if out, err := c.command(ctx, "pg_ctl", "promote", "-w", "-D", c.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("promote: %w\n%s", err, out)
	}
	return nil
}

func (c *Cluster) saved() string { return filepath.Join(c.dir, "saved") }

// feed makes s a standby of c, and starts it.
func (c *Cluster) feed(ctx context.Context, s *Cluster, settings map[string]string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.whileStopped(ctx, syscall.SIGINT, func() error { return copyFolder(ctx, c.data(), s.data()) })
	if err != nil {
		return err
	}
	// Slots are no part of a base backup: those of the standby are its own.
	slots, err := filepath.Glob(filepath.Join(s.data(), "pg_replslot", "*"))
	if err != nil {
		return err
	}
	for _, slot := range slots {
		if err := os.RemoveAll(slot); err != nil {
			return err
		}
	}
	all := map[string]string{
		"primary_conninfo": "host=127.0.0.1 port=" + strconv.Itoa(c.port) + " user=" + superuser + " password=" + c.password + " dbname=postgres",
	}
	for name, value := range settings {
		all[name] = value
	}
	if err := s.append(all); err != nil {
		return err
	}
	if err := s.writeFile(filepath.Join(s.data(), "standby.signal"), ""); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.launchSomewhere(ctx)
}

// whileStopped stops the server with sig, and starts it again once do was done.
// The caller holds mu.
func (c *Cluster) whileStopped(ctx context.Context, sig syscall.Signal, do func() error) error {
	if err := c.halt(sig); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return c.relaunch(ctx)
}

// copyFolder makes the folder to what the folder from is, owners and modes
// included.
func copyFolder(ctx context.Context, from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w\n%s", filepath.Base(from), err, strings.TrimSpace(string(out)))
	}
	return nil
}
