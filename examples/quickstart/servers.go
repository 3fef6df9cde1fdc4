package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/examples/internal/estate"
)

// servers are the two databases, open.
type servers struct {
	sourceDSN, targetDSN string
	source, target       *sql.DB

	stops []func() error // in the order in which they were started
}

// openServers opens the databases that were given, or starts private ones. Stop
// must be called, also after an error.
func (s *servers) open(ctx context.Context, o options) (err error) {
	s.sourceDSN, s.targetDSN = o.source, o.target
	if o.source == "" {
		if err := s.startPrivate(ctx); err != nil {
			return err
		}
	}
	if s.source, err = s.connect(ctx, estate.Cloud, s.sourceDSN); err != nil {
		return err
	}
	s.target, err = s.connect(ctx, estate.Legacy, s.targetDSN)
	return err
}

// startPrivate starts a PostgreSQL with two databases in it: the source, and the
// one in which the stand-in for SQL Server keeps its rows.
func (s *servers) startPrivate(ctx context.Context) error {
	cluster, err := postgrestest.Start(ctx, postgrestest.Config{})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, cluster.Stop)
	if s.sourceDSN, err = cluster.CreateDatabase(ctx, "cloud"); err != nil {
		return err
	}
	rows, err := cluster.CreateDatabase(ctx, "legacy")
	if err != nil {
		return err
	}
	standIn, err := sqlservertest.Start(ctx, sqlservertest.Config{Postgres: rows})
	if err != nil {
		return err
	}
	s.stops = append(s.stops, standIn.Close)
	s.targetDSN = standIn.DSN()
	return nil
}

func (s *servers) connect(ctx context.Context, side estate.Side, dsn string) (*sql.DB, error) {
	db, err := estate.Open(side, dsn)
	if err != nil {
		return nil, fmt.Errorf("the DSN of %s cannot be read", side) // the driver's error may quote it
	}
	s.stops = append(s.stops, db.Close)
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", side, err)
	}
	return db, nil
}

// stop closes what was opened and ends what was started, the last one first.
func (s *servers) stop() error {
	var errs []error
	for len(s.stops) > 0 {
		last := len(s.stops) - 1
		errs = append(errs, s.stops[last]())
		s.stops = s.stops[:last]
	}
	return errors.Join(errs...)
}
