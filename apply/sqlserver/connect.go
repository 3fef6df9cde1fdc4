package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// open makes the pool of connections to the target. It does not connect.
func open(cfg Config) (*sql.DB, error) {
	params, err := msdsn.Parse(cfg.DSN)
	if err != nil {
		// msdsn's own error can quote the DSN.
		return nil, errors.New("the target's DSN cannot be read; one looks like sqlserver://user:password@host:1433?database=name")
	}
	if params.Parameters[msdsn.AppName] == "" {
		params.AppName = "syncback " + cfg.Pipeline
	}
	db := sql.OpenDB(mssql.NewConnectorConfig(params))
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetMaxIdleConns(cfg.MaxConnections)
	return db, nil
}

// prepareSession sets what every transaction of ours runs under: the first
// error ends the whole transaction, no wait for a lock is long, and of two
// sessions in a deadlock ours is the one that gives way.
func prepareSession(ctx context.Context, conn *sql.Conn, lockTimeout time.Duration) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf(
		"SET XACT_ABORT ON; SET NOCOUNT ON; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT %d", lockTimeout.Milliseconds()))
	return err
}

// withDefaults fills in what cfg leaves at zero, and refuses what it lacks.
func withDefaults(cfg Config) (Config, error) {
	if cfg.Pipeline == "" {
		return cfg, errors.New("the pipeline has no name; give it one")
	}
	if len([]rune(cfg.Pipeline)) > 128 {
		return cfg, errors.New("the pipeline's name is longer than 128 characters; shorten it")
	}
	if cfg.Schema == "" {
		cfg.Schema = DefaultSchema
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 2
	}
	if cfg.LockTimeout == 0 {
		cfg.LockTimeout = 5 * time.Second
	}
	return cfg, nil
}
