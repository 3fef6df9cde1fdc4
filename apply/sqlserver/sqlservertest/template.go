package sqlservertest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/jackc/pgx/v5/pgconn"
)

// template returns the database that each stand-in's own is a copy of. The first
// one in a cluster makes it, and it stays there: to make it anew takes longer
// than many a test.
func (s *Server) template(ctx context.Context) (string, error) {
	sql := prelude + sysviews
	name := fmt.Sprintf("standin_template_%08x", crc32.ChecksumIEEE([]byte(sql)))
	is, err := s.hasDatabase(ctx, name)
	if err != nil || is {
		return name, err
	}
	made := s.database + "_template"
	if err := s.asAdmin(ctx, fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", ident(made))); err != nil {
		return "", err
	}
	if err = s.publish(ctx, made, name, sql); err == nil {
		return name, nil
	}
	err = errors.Join(err, s.asAdmin(context.WithoutCancel(ctx), "DROP DATABASE "+ident(made)+" WITH (FORCE)"))
	if is, _ := s.hasDatabase(ctx, name); is {
		return name, nil // another one was first
	}
	return "", err
}

// publish fills a database, and gives it the name by which others find it.
func (s *Server) publish(ctx context.Context, made, name, sql string) error {
	pg, err := s.connect(ctx, made)
	if err != nil {
		return err
	}
	_, err = pg.Exec(ctx, sql).ReadAll()
	if err = errors.Join(err, pg.Close(ctx)); err != nil {
		return err
	}
	return s.asAdmin(ctx, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", ident(made), ident(name)))
}

func (s *Server) hasDatabase(ctx context.Context, name string) (bool, error) {
	pg, err := pgconn.ConnectConfig(ctx, s.admin)
	if err != nil {
		return false, err
	}
	result := pg.ExecParams(ctx, "SELECT 1 FROM pg_database WHERE datname = $1", [][]byte{[]byte(name)}, nil, nil, nil).Read()
	return len(result.Rows) > 0, errors.Join(result.Err, pg.Close(ctx))
}
