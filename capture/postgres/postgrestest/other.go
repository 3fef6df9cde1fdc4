//go:build !unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
)

var errUnix = errors.New("a private PostgreSQL can be started on Unix systems only")

// Cluster is a running PostgreSQL cluster. There is none on this system.
type Cluster struct{}

// Start fails: it runs on Unix systems only.
func Start(context.Context, Config) (*Cluster, error) { return nil, errUnix }

// Main fails: it runs on Unix systems only.
func Main(*testing.M, **Cluster) int {
	fmt.Fprintln(os.Stderr, errUnix)
	return 1
}

// Stop ends the server and removes all that it wrote.
func (*Cluster) Stop() error { return errUnix }

// Kill ends the server without a checkpoint.
func (*Cluster) Kill() error { return errUnix }

// Restart starts the server again.
func (*Cluster) Restart(context.Context) error { return errUnix }

// Save keeps a copy of all that the cluster holds.
func (*Cluster) Save(context.Context) error { return errUnix }

// PutBack makes the cluster what it was when Save was called.
func (*Cluster) PutBack(context.Context) error { return errUnix }

// Standby makes a standby of the cluster.
func (*Cluster) Standby(context.Context, map[string]string) (*Cluster, error) { return nil, errUnix }

// Promote makes a standby a server of its own.
func (*Cluster) Promote(context.Context) error { return errUnix }

// Version returns the server's major version.
func (*Cluster) Version() int { return 0 }

// DSN returns a URL for a database of the cluster.
func (*Cluster) DSN(string) string { return "" }

// CreateDatabase makes a fresh, empty database.
func (*Cluster) CreateDatabase(context.Context, string) (string, error) { return "", errUnix }

// Program returns the path of one of PostgreSQL's client programs.
func (*Cluster) Program(string) (string, error) { return "", errUnix }
