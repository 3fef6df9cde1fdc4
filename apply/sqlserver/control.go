package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// Control reads and steers a pipeline through its row in the target. It needs
// no mapped table, so that a pipeline can be paused whatever else is wrong. It
// may be used from any process, while another one applies.
type Control struct {
	db       *sql.DB
	pipeline string
	schema   string // of our own tables
	table    string // of the checkpoints, quoted
	// lockTimeout is how long who asks waits for who applies: on a server without
	// READ_COMMITTED_SNAPSHOT a reader waits for a writer.
	lockTimeout time.Duration
}

// OpenControl connects to the target and makes sure that the pipeline has its
// row. It needs Config's DSN, Pipeline and Schema.
func OpenControl(ctx context.Context, cfg Config) (*Control, error) {
	cfg, err := withDefaults(cfg)
	if err != nil {
		return nil, err
	}
	db, _, err := open(cfg)
	if err != nil {
		return nil, err
	}
	c := newControl(db, cfg)
	if err := c.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return c, nil
}

func newControl(db *sql.DB, cfg Config) *Control {
	return &Control{db: db, pipeline: cfg.Pipeline, schema: cfg.Schema, table: name{cfg.Schema, "checkpoint"}.quoted(), lockTimeout: cfg.LockTimeout}
}

// Close closes the connections.
func (c *Control) Close() error { return c.db.Close() }

// prepare checks the version of our own tables, and makes the pipeline's row
// where it is absent.
func (c *Control) prepare(ctx context.Context) error {
	schema := c.schema
	version, err := readVersion(ctx, c.db, schema)
	if err != nil {
		return c.explainMissing(translate(ctx, err), schema)
	}
	if version != schemaVersion {
		return fmt.Errorf("the tables in the target's schema %s are of version %d, and this program's are of version %d; run the program that made them, or its successor", schema, version, schemaVersion)
	}
	// A target that takes no writes now may be read all the same.
	held := 0
	err = query(ctx, c.db, "SELECT COUNT(*) FROM "+c.table+" WHERE [pipeline] = @p1", func(rows *sql.Rows) error {
		return rows.Scan(&held)
	}, c.pipeline)
	if err != nil || held > 0 {
		return translate(ctx, err)
	}
	_, err = c.db.ExecContext(ctx, `INSERT INTO `+c.table+` ([pipeline], [source], [position], [paused])
SELECT @p1, N'', 0, 0 WHERE NOT EXISTS (SELECT 1 FROM `+c.table+` WHERE [pipeline] = @p1)`, c.pipeline)
	var server *ServerError
	if err = translate(ctx, err); errors.As(err, &server) && server.Number == 2627 {
		return nil // another process made it first
	}
	return err
}

// readVersion reads the version of our own tables.
func readVersion(ctx context.Context, db querier, schema string) (version int, err error) {
	err = query(ctx, db, "SELECT MAX([version]) FROM "+name{schema, "version"}.quoted(), func(rows *sql.Rows) error {
		return rows.Scan(&version)
	})
	return version, err
}

// explainMissing says what to do where our own tables are absent: that the
// version cannot be read is how a target looks in which nobody ran the DDL.
func (c *Control) explainMissing(err error, schema string) error {
	var server *ServerError
	if errors.As(err, &server) && !server.retryable && !server.login() {
		return fmt.Errorf("the target has no tables of ours in schema %s, or this login may not read them; have what the ddl command prints run there: %w", schema, err)
	}
	return err
}

// ReadCheckpoint reads how far a pipeline has come in the target, and changes
// nothing: the one without a row, which OpenControl would make, has the zero
// Checkpoint. It needs what OpenControl does.
func ReadCheckpoint(ctx context.Context, cfg Config) (apply.Checkpoint, error) {
	cfg, err := withDefaults(cfg)
	if err != nil {
		return apply.Checkpoint{}, err
	}
	db, _, err := open(cfg)
	if err != nil {
		return apply.Checkpoint{}, err
	}
	defer db.Close()
	cp, _, err := newControl(db, cfg).find(ctx, db)
	return cp, err
}

// Checkpoint reads how far the target has come. On a server without
// READ_COMMITTED_SNAPSHOT it waits for the transaction that is being applied, for
// Config.LockTimeout at most.
func (c *Control) Checkpoint(ctx context.Context) (apply.Checkpoint, error) {
	conn, err := c.session(ctx)
	if err != nil {
		return apply.Checkpoint{}, err
	}
	defer conn.Close()
	cp, err := c.read(ctx, conn)
	if isHeld(err) {
		err = fmt.Errorf("a transaction is being applied that holds the checkpoint; ask again when it is through, or set READ_COMMITTED_SNAPSHOT on in the target's database: %w", err)
	}
	return cp, err
}

func (c *Control) read(ctx context.Context, db querier) (apply.Checkpoint, error) {
	cp, found, err := c.find(ctx, db)
	if err == nil && !found {
		err = fmt.Errorf("the target has lost its checkpoint of pipeline %q: %w; restore its row, or start again as after a lost target", c.pipeline, capture.ErrGap)
	}
	return cp, err
}

// find reads the pipeline's row, where there is one.
func (c *Control) find(ctx context.Context, db querier) (cp apply.Checkpoint, found bool, err error) {
	err = query(ctx, db, `SELECT [source], [position], [applied_at], [paused], [parked], [changed_at], [changed_by]
FROM `+c.table+` WHERE [pipeline] = @p1`, func(rows *sql.Rows) error {
		var at, changed sql.NullTime
		var by sql.NullString
		var position int64
		if err := rows.Scan(&cp.Source, &position, &at, &cp.Paused, &cp.Parked, &changed, &by); err != nil {
			return err
		}
		cp.Position, cp.AppliedAt, cp.ChangedAt, cp.ChangedBy = capture.Position(position), at.Time, changed.Time, by.String
		found = true
		return nil
	}, c.pipeline)
	if err != nil {
		return apply.Checkpoint{}, false, translate(ctx, err)
	}
	return cp, found, nil
}

// Pause stops applying, durably, from the next transaction on: it waits for the
// one that is open, until ctx ends. Capturing goes on. by says who asks, for the record.
func (c *Control) Pause(ctx context.Context, by string) error { return c.setPaused(ctx, true, by) }

// Resume lets applying go on.
func (c *Control) Resume(ctx context.Context, by string) error { return c.setPaused(ctx, false, by) }

func (c *Control) setPaused(ctx context.Context, paused bool, by string) error {
	conn, err := c.session(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		_, err := conn.ExecContext(ctx, `UPDATE `+c.table+` SET [paused] = @p1, [changed_at] = SYSUTCDATETIME(), [changed_by] = @p2
WHERE [pipeline] = @p3`, paused, cut(by, 256), c.pipeline)
		if err = translate(ctx, err); !isHeld(err) {
			return err
		}
	}
}

// session returns a connection of its own, which no lock holds up for long.
func (c *Control) session(ctx context.Context) (*sql.Conn, error) {
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return nil, translate(ctx, err)
	}
	if err := prepareSession(ctx, conn, c.lockTimeout); err != nil {
		_ = conn.Close()
		return nil, translate(ctx, err)
	}
	return conn, nil
}

// query reads on such a connection.
func (c *Control) query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	conn, err := c.session(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return translate(ctx, query(ctx, conn, text, scan, args...))
}

// isHeld reports whether another session has what was asked for locked, such as the
// one that applies.
func isHeld(err error) bool {
	server, ok := errors.AsType[*ServerError](err)
	return ok && server.Number == 1222
}
