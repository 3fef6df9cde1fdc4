//go:build unix

package postgrestest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// superuser is the role that initdb makes, and the one in every DSN.
const superuser = "postgres"

// Cluster is a running PostgreSQL cluster. Its methods may be called from
// several goroutines.
type Cluster struct {
	bin      string
	dir      string // holds everything of this cluster
	password string
	version  int
	owner    *syscall.Credential // who runs the server; nil is this process's user
	watchdog *watchdog
	log      *tail
	created  atomic.Int64 // databases made so far

	mu     sync.Mutex
	port   int
	server *process // nil when it is not running

	making sync.Mutex
	admin  *pgx.Conn // for CreateDatabase, which would take longer to connect than to make one; nil until then
}

// Start makes a new cluster and returns once it accepts connections, which
// takes about two seconds. Stop ends it.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	c, err := newCluster(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.create(ctx, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("start a private PostgreSQL: %w", err), c.Stop())
	}
	return c, nil
}

// newCluster makes the cluster's folder and the watchdog over it.
func newCluster(cfg Config) (*Cluster, error) {
	owner, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := makeDir(cfg.Dir, owner)
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, password: rand.Text(), owner: owner, log: &tail{next: cfg.Log}}
	if c.watchdog, err = startWatchdog(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return c, nil
}

func (c *Cluster) create(ctx context.Context, cfg Config) error {
	var err error
	if c.bin, err = findBin(cfg.Bin, c.dir); err != nil {
		return err
	}
	if c.version, err = c.readVersion(ctx); err != nil {
		return err
	}
	if err := c.initdb(ctx); err != nil {
		return err
	}
	if err := c.configure(cfg.Settings); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.launchSomewhere(ctx)
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// command runs one of PostgreSQL's programs as the server's user.
func (c *Cluster) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C", "LANG=C",
		// A session keeps the memory that a statement was done in: on a virtual
		// machine, to give it back and get it again takes a third of the time.
		"MALLOC_TOP_PAD_=1048576", "MALLOC_TRIM_THRESHOLD_=268435456", "MALLOC_MMAP_THRESHOLD_=268435456")
	// A group of its own keeps the terminal's Ctrl-C from the server: this
	// process decides when it stops.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: c.owner}
	return cmd
}

func (c *Cluster) readVersion(ctx context.Context) (int, error) {
	out, err := c.command(ctx, "postgres", "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", filepath.Join(c.bin, "postgres"), err)
	}
	// "postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)", "… 18beta1"
	fields := strings.Fields(string(out))
	if len(fields) < 3 {
		return 0, fmt.Errorf("%q is not the version of a PostgreSQL server", bytes.TrimSpace(out))
	}
	digits := strings.IndexFunc(fields[2]+".", func(r rune) bool { return r < '0' || r > '9' })
	return strconv.Atoi(fields[2][:digits])
}

func (c *Cluster) initdb(ctx context.Context) error {
	pwfile := filepath.Join(c.dir, "password")
	if err := c.writeFile(pwfile, c.password); err != nil {
		return err
	}
	cmd := c.command(ctx, "initdb", "--pgdata="+c.data(), "--username="+superuser,
		"--pwfile="+pwfile, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return os.Remove(pwfile)
}

// writeFile makes a file that only the server's user can read.
func (c *Cluster) writeFile(name, content string) error {
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		return err
	}
	return chown(name, c.owner)
}

// Stop ends the server at once and removes all that it wrote. It may be called
// again, and while the server is not running.
func (c *Cluster) Stop() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.halt(syscall.SIGQUIT)
	err = errors.Join(err, os.RemoveAll(c.dir))
	c.watchdog.stop()
	c.making.Lock()
	defer c.making.Unlock()
	if c.admin != nil {
		_ = c.admin.Close(context.Background()) // the server is gone
	}
	return err
}

// Kill ends the server without a checkpoint, as a crash does: the next start
// recovers from its log.
func (c *Cluster) Kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.halt(syscall.SIGQUIT)
}

// Restart starts the server again, on the same port. One that is running is
// shut down in order first.
func (c *Cluster) Restart(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.halt(syscall.SIGINT); err != nil {
		return err
	}
	return c.relaunch(ctx)
}

// Version returns the server's major version, such as 15.
func (c *Cluster) Version() int { return c.version }

// DSN returns a URL for a database of the cluster, as its superuser. It holds
// the password.
func (c *Cluster) DSN(database string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// CreateDatabase makes a fresh, empty database, whose name begins with prefix,
// and returns its DSN. Stop removes it with the cluster.
func (c *Cluster) CreateDatabase(ctx context.Context, prefix string) (string, error) {
	name := fmt.Sprintf("%.40s_%d", prefix, c.created.Add(1))
	sql := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if c.version >= 15 {
		sql += " STRATEGY file_copy" // the only way before, and several times as fast as through the log
	}
	if err := c.asAdmin(ctx, sql); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return c.DSN(name), nil
}

// asAdmin executes a statement in the database postgres.
func (c *Cluster) asAdmin(ctx context.Context, sql string) error {
	c.making.Lock()
	defer c.making.Unlock()
	if c.admin == nil || c.admin.Ping(ctx) != nil { // the server may have been restarted since
		var err error
		if c.admin, err = pgx.Connect(ctx, c.DSN("postgres")); err != nil {
			return err
		}
	}
	_, err := c.admin.Exec(ctx, sql)
	return err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
