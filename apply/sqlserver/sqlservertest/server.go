package sqlservertest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

//go:embed prelude.sql
var prelude string

//go:embed sysviews.sql
var sysviews string

// Config says how to start a server.
type Config struct {
	// Postgres is the DSN of a superuser of a private PostgreSQL cluster, in
	// which the server makes a database of its own.
	Postgres string
	// User and Password are the one login; "" means "sa" and "Stand-in!1".
	User, Password string
	// Collation is the database's; "" means SQL_Latin1_General_CP1_CI_AS.
	Collation string
	// TLS is what a client that asks for encryption gets; nil means a
	// certificate that the server signs itself. TLS 1.2 is the highest version
	// in any case.
	TLS *tls.Config
	// Logger gets a line for each connection that ended with an error; nil
	// discards them.
	Logger *slog.Logger
}

// Server is a running stand-in. Its methods may be called from several
// goroutines.
type Server struct {
	user, password string
	collation      string
	database       string // its name, here and in PostgreSQL
	admin          *pgconn.Config
	tls            *tls.Config
	log            *slog.Logger
	listener       net.Listener
	cat            *catalogue
	stop           context.CancelFunc
	serving        sync.WaitGroup

	statements, writes, roundTrips atomic.Int64
	armed                          atomic.Bool // there are faults
	away                           atomic.Bool // see SetAway

	released idle  // by sessions that have ended
	admins   *idle // of all servers that this process has over one PostgreSQL

	mu      sync.Mutex
	batches map[string]*batch
	faults  []*Injected
	conns   map[net.Conn]bool
	spid    uint16
}

// Start makes a database and begins to listen on a port of 127.0.0.1. Close ends
// both.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s := &Server{
		user: or(cfg.User, "sa"), password: or(cfg.Password, "Stand-in!1"), collation: or(cfg.Collation, defaultCollation),
		database: "standin_" + strings.ToLower(rand.Text()[:12]), cat: newCatalogue(), batches: map[string]*batch{},
		conns: map[net.Conn]bool{}, spid: 50, log: cfg.Logger,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if !knownCollation(s.collation) {
		return nil, fmt.Errorf("the stand-in does not know the collation %s", s.collation)
	}
	var err error
	if s.admin, err = pgconn.ParseConfig(cfg.Postgres); err != nil {
		return nil, fmt.Errorf("the stand-in's PostgreSQL: %w", err)
	}
	admins, _ := adminsOf.LoadOrStore(cfg.Postgres, new(idle))
	s.admins = admins.(*idle)
	if s.tls, err = tlsConfig(cfg.TLS); err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	if err := s.makeDatabase(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("make the stand-in's database: %w", err), s.dropDatabase(context.WithoutCancel(ctx)))
	}
	if s.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, s.dropDatabase(context.WithoutCancel(ctx)))
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.serving.Go(func() { s.accept(run) })
	return s, nil
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// adminsOf has the admins of each DSN.
var adminsOf sync.Map // string → *idle

// asAdmin does something with a connection to the database that the DSN names.
func (s *Server) asAdmin(ctx context.Context, do func(*pgconn.PgConn) error) error {
	pg := s.admins.take(ctx)
	if pg == nil {
		var err error
		if pg, err = pgconn.ConnectConfig(ctx, s.admin); err != nil {
			return err
		}
	}
	if err := do(pg); err != nil {
		return errors.Join(err, pg.Close(ctx))
	}
	s.admins.put(pg)
	return nil
}

func execute(ctx context.Context, pg *pgconn.PgConn, sql string) error {
	_, err := pg.Exec(ctx, sql).ReadAll()
	return err
}

// connect opens a connection to one of PostgreSQL's databases. A context that ends
// cancels what runs, and leaves the connection usable.
func (s *Server) connect(ctx context.Context, database string) (*pgconn.PgConn, error) {
	cfg := s.admin.Copy()
	cfg.Database = database
	for k, v := range map[string]string{
		"search_path": "", "timezone": "UTC", "datestyle": "ISO, MDY", "bytea_output": "hex", "client_min_messages": "error",
		"jit": "off", "synchronous_commit": "off", "deadlock_timeout": "100ms", "application_name": "sqlservertest", "default_transaction_isolation": "read committed",
	} {
		cfg.RuntimeParams[k] = v
	}
	cfg.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: cancelDeadline}
	}
	return pgconn.ConnectConfig(ctx, cfg)
}

func (s *Server) open(ctx context.Context, l *login, spid uint16) (*session, error) {
	pg := s.released.take(ctx)
	if pg == nil {
		var err error
		if pg, err = s.connect(ctx, s.database); err != nil {
			return nil, fmt.Errorf("connect to PostgreSQL: %w", err)
		}
	}
	return &session{
		srv: s, pg: pg, login: l, spid: spid, options: defaultOptions(), context: map[string][]byte{}, prepared: map[string]string{},
		handles: map[int32]*prepared{}, version: s.cat.version.Load(),
	}, nil
}

func (s *Server) accept(ctx context.Context) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // Close has closed it
		}
		s.mu.Lock()
		s.spid++
		spid := s.spid
		s.conns[conn] = true
		s.mu.Unlock()
		s.serving.Go(func() {
			s.serve(ctx, conn, spid)
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.conns, conn)
		})
	}
}

// DSN is where a client finds the server's database.
func (s *Server) DSN() string {
	u := url.URL{
		Scheme: "sqlserver", User: url.UserPassword(s.user, s.password), Host: s.listener.Addr().String(),
		RawQuery: url.Values{"database": {s.database}, "encrypt": {"disable"}}.Encode(),
	}
	return u.String()
}

// Close cuts every connection, waits for them to end, and drops the database.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.stop()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.serving.Wait()
	s.released.close(context.Background())
	return errors.Join(err, s.dropDatabase(context.Background()))
}

func (s *Server) dropDatabase(ctx context.Context) error {
	return s.asAdmin(ctx, func(pg *pgconn.PgConn) error {
		return execute(ctx, pg, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", ident(s.database)))
	})
}

// Counters are what the server has been asked since it was started.
type Counters struct {
	RoundTrips int64 // requests that were answered
	Statements int64 // statements that were run, those of triggers included
	Writes     int64 // INSERT, UPDATE and DELETE among them
}

// Counters returns the counts up to now.
func (s *Server) Counters() Counters {
	return Counters{s.roundTrips.Load(), s.statements.Load(), s.writes.Load()}
}

// cancelDeadline is how long PostgreSQL has to heed a cancellation.
const cancelDeadline = 5 * time.Second
