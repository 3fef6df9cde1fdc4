package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// sessionSettings fix the text form of every value, whatever the role, the
// database or the DSN say: a timestamptz always ends in +00, a bytea is always
// hexadecimal, a regclass always has its schema. What row security would hide
// is refused: the stream has every row. Nothing times out while the stream is
// open, and the server's warnings come.
var sessionSettings = map[string]string{
	"client_encoding":                     "UTF8",
	"TimeZone":                            "UTC",
	"DateStyle":                           "ISO, YMD",
	"IntervalStyle":                       "iso_8601",
	"extra_float_digits":                  "3",
	"bytea_output":                        "hex",
	"lc_monetary":                         "C",
	"search_path":                         "pg_catalog",
	"row_security":                        "off",
	"client_min_messages":                 "warning",
	"statement_timeout":                   "0",
	"lock_timeout":                        "0",
	"idle_in_transaction_session_timeout": "0",
}

// parseDSN reads a DSN. What is wrong with one is not repeated: the text of
// that error may hold a part of the password.
func parseDSN(dsn, slot string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the source's DSN cannot be read: it is a postgres:// URL or a list of keyword=value")
	}
	delete(cfg.RuntimeParams, "replication")
	for k, v := range sessionSettings {
		cfg.RuntimeParams[k] = v
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "syncback " + slot
	}
	cfg.DialFunc = listening(cfg.DialFunc)
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 30 * time.Second
	}
	return cfg, nil
}

// connect opens an ordinary connection.
func (c *Capturer) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, c.conn.Copy())
	if err != nil {
		return nil, ended(ctx, sourceError("connect to the source", err))
	}
	return conn, nil
}

// ended returns why ctx ended, where it did: whatever else failed then failed
// because of it.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// closing is a context for saying goodbye, which also happens when the one
// that the work was done under has ended.
func closing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
}

func hangUp(ctx context.Context, conn interface{ Close(context.Context) error }) {
	ctx, cancel := closing(ctx)
	defer cancel()
	_ = conn.Close(ctx) // it is closed, whatever the server answers
}
