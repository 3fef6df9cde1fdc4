package postgres

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncback/syncback/capture"
)

// retryableError is one that may go away by itself.
type retryableError struct{ error }

func (retryableError) Retryable() bool { return true }
func (e retryableError) Unwrap() error { return e.error }

// tableError is a capture.ErrTables in words of its own.
type tableError struct{ error }

func (tableError) Is(target error) bool { return target == capture.ErrTables }
func (e tableError) Unwrap() error      { return e.error }

// sourceError gives an error from the server or the connection the operation
// that it ended, and marks it as retryable where that is so.
func sourceError(op string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", op, plain{err})
	if transient(err) {
		return retryableError{wrapped}
	}
	return wrapped
}

// plain puts an error on one line. Those of pgconn name host, user and
// database, over several lines; they never hold the password.
type plain struct{ err error }

func (p plain) Unwrap() error { return p.err }

func (p plain) Error() string {
	if pg, ok := errors.AsType[*pgconn.PgError](p.err); ok {
		return words(pg) + " (SQLSTATE " + pg.Code + ")" + cmp.Or(adviceOn[pg.Code+" "+pg.Routine], advice[pg.Code])
	}
	text := strings.Join(strings.Fields(p.err.Error()), " ")
	switch {
	case refusedTLS(p.err):
		text += "; have the server offer TLS, or set sslmode=disable in the DSN"
	case misconfigured(p.err):
		text += "; name the certificate to trust with sslrootcert=FILE in the DSN"
	}
	return text
}

// words are what the server said, but for errors whose message quotes what is in
// a row, or is of the database's own making.
func words(pg *pgconn.PgError) string {
	const ownCode = "code in the database refused it"
	if pg.Routine == "exec_stmt_raise" { // a RAISE has the SQLSTATE that it likes
		return ownCode
	}
	switch pg.Code[:min(2, len(pg.Code))] {
	case "22": // data exception
		return "the server could not read or convert a value"
	case "23": // integrity constraint violation
		return "the server refused a value"
	case "P0": // PL/pgSQL
		return ownCode
	}
	return pg.Message
}

// advice is what to do about errors that say that something was set up wrongly
// (manual: PostgreSQL Error Codes).
var advice = map[string]string{
	"28P01": "; correct the user or the password",
	"28000": "; correct the user, or let it in with pg_hba.conf",
	"3D000": "; correct the name of the database",
	"42501": "; grant the role that right, or connect as another",
}

// noLogicalWAL is how a server refuses whose wal_level is too low.
const noLogicalWAL = "55000 CheckLogicalDecodingRequirements"

// adviceOn is what to do where the SQLSTATE alone does not tell, by it and the
// server's function that refused.
var adviceOn = map[string]string{
	noLogicalWAL:                  "; set wal_level = logical, and restart the server",
	"53400 ReplicationSlotCreate": "; drop one that nobody uses, or raise max_replication_slots and restart the server",
	"42501 check_enable_rls":      "; give the role BYPASSRLS, or connect as the table's owner, on whom row security is not forced",
}

// transient reports whether the same may succeed later. What the server says
// decides; where it said nothing, the connection was lost or never made.
func transient(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return transientState(pg.Code)
	}
	return !misconfigured(err) && lostConnection(err)
}

// misconfigured reports whether a connection will never be made as it is asked
// for.
func misconfigured(err error) bool {
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, badHost := errors.AsType[x509.HostnameError](err)
	return badCertificate || badHost || refusedTLS(err)
}

func refusedTLS(err error) bool {
	return strings.Contains(err.Error(), "server refused TLS connection")
}

func lostConnection(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// SQLSTATEs that mean something of their own here.
const (
	objectInUse            = "55006" // the slot is read by another process
	undefinedObject        = "42704" // of the stream: the publication is missing
	notInPrerequisiteState = "55000" // of the stream, as a warning: the publication is passed over
)

// waitsForPromotion reports whether a standby refuses to read a slot because it
// is one: PostgreSQL 17 does where the slot is the copy of its primary's, and 14
// and 15 do with any.
func waitsForPromotion(pg *pgconn.PgError) bool {
	return pg.Code == "55000" && pg.Code+" "+pg.Routine != noLogicalWAL || pg.Code == "0A000"
}

// transientState sorts SQLSTATEs (manual: PostgreSQL Error Codes).
func transientState(code string) bool {
	switch code {
	case "57P01", // admin_shutdown
		"57P02", // crash_shutdown
		"57P03", // cannot_connect_now
		"57P05", // idle_session_timeout
		"57014", // query_canceled
		objectInUse,
		"40001", // serialization_failure
		"40P01", // deadlock_detected
		"55P03": // lock_not_available
		return true
	}
	return strings.HasPrefix(code, "08") || // connection exception
		strings.HasPrefix(code, "53") && code != "53400" // insufficient resources, but for configuration_limit_exceeded
}
