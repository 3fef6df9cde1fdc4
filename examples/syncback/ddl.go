package main

import (
	"context"
	"io"

	"github.com/syncback/syncback/apply/sqlserver"
)

// ddl prints what a DBA reviews and executes once. It connects to nothing.
func (s *session) ddl(context.Context) error {
	_, err := io.WriteString(s.stdout, sqlserver.DDL(s.cfg.target.Schema))
	return err
}
