package sqlserver

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// open makes the pool of connections to the target, and the patience that they
// share. It does not connect.
func open(cfg Config) (*sql.DB, *patience, error) {
	params, err := msdsn.Parse(cfg.DSN)
	if err != nil {
		// msdsn's own error can quote the DSN.
		return nil, nil, errors.New("the target's DSN cannot be read; one looks like sqlserver://user:password@host:1433?database=name")
	}
	if params.Parameters[msdsn.AppName] == "" {
		params.AppName = "syncback " + cfg.Pipeline
	}
	p := newPatience(cmp.Or(cfg.AnswerTimeout, params.ConnTimeout, defaultPatience))
	params.ConnTimeout = 0
	connector := mssql.NewConnectorConfig(params)
	connector.Dialer = patientDialer{dialer(params.KeepAlive), p}
	db := sql.OpenDB(patientConnector{connector, p})
	db.SetMaxOpenConns(cfg.MaxConnections)
	db.SetMaxIdleConns(cfg.MaxConnections)
	return db, p, nil
}

// dialer notices within a minute and a half that a machine is gone, while a
// statement runs there and nothing is to be sent.
func dialer(keepAlive time.Duration) net.Dialer {
	return net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: keepAlive, Interval: min(keepAlive, 15*time.Second), Count: 4,
	}}
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
	if cut(cfg.Pipeline, 128) != cfg.Pipeline {
		return cfg, errors.New("the pipeline's name is longer than 128 characters; shorten it")
	}
	if cfg.Schema == "" {
		cfg.Schema = DefaultSchema
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = 2
	}
	if cfg.AnswerTimeout < 0 {
		return cfg, errors.New("AnswerTimeout is negative; 0 is its default")
	}
	if cfg.LockTimeout == 0 {
		cfg.LockTimeout = 5 * time.Second
	}
	for _, t := range cfg.Tables {
		if len(t.Secret) > 0 && len(cfg.LedgerKey) < 16 {
			return cfg, fmt.Errorf("table %s has secret columns, whose hashes need a key of 16 bytes or more; give a ledger key", t.Target)
		}
		if err := t.checkTriggers(); err != nil {
			return cfg, err
		}
		if err := t.Lock.check(t.Target); err != nil {
			return cfg, err
		}
	}
	if cfg.RetryLocked == 0 {
		cfg.RetryLocked = time.Minute
	}
	if cfg.KeepLedger == 0 {
		cfg.KeepLedger = 400 * 24 * time.Hour
	}
	return cfg, nil
}
