package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncback/syncback/capture"
)

// TestSourceErrorsQuoteNoValues has messages in which PostgreSQL quotes what is
// in a row.
func TestSourceErrorsQuoteNoValues(t *testing.T) {
	for _, test := range []struct {
		in   pgconn.PgError
		want string
	}{
		{pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "SECRET"`}, "read: the server could not read or convert a value (SQLSTATE 22P02)"},
		{pgconn.PgError{Code: "23505", Message: `duplicate key value violates unique constraint "k"`, Detail: "Key (a)=(SECRET) already exists."}, "read: the server refused a value (SQLSTATE 23505)"},
		{pgconn.PgError{Code: "P0001", Message: "SECRET may not"}, "read: code in the database refused it (SQLSTATE P0001)"},
		{pgconn.PgError{Code: "42P01", Message: `relation "t" does not exist`, Detail: "SECRET", Where: "SECRET", Hint: "SECRET"}, `read: relation "t" does not exist (SQLSTATE 42P01)`},
		{pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "u"`}, `read: password authentication failed for user "u" (SQLSTATE 28P01); correct the user or the password`},
		{pgconn.PgError{Code: "55000", Message: "wal_level is low", Routine: "CheckLogicalDecodingRequirements"}, "read: wal_level is low (SQLSTATE 55000); set wal_level = logical, and restart the server"},
		{pgconn.PgError{Code: "55000", Message: "the slot is a copy", Routine: "CreateDecodingContext"}, "read: the slot is a copy (SQLSTATE 55000)"},
		{pgconn.PgError{Message: "no code"}, "read: no code (SQLSTATE )"},
	} {
		if got := sourceError("read", &test.in).Error(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestMisconfiguredIsNotRetried(t *testing.T) {
	err := sourceError("connect", errors.New("server refused TLS connection"))
	if capture.Retryable(err) || !strings.HasSuffix(err.Error(), "; have the server offer TLS, or set sslmode=disable in the DSN") {
		t.Errorf("got %v", err)
	}
}
