package postgres

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// retryableError is one that may go away by itself.
type retryableError struct{ error }

func (retryableError) Retryable() bool { return true }
func (e retryableError) Unwrap() error { return e.error }

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
		return pg.Message + " (SQLSTATE " + pg.Code + ")"
	}
	return strings.Join(strings.Fields(p.err.Error()), " ")
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
	return badCertificate || badHost || strings.Contains(err.Error(), "server refused TLS connection")
}

func lostConnection(err error) bool {
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[net.Error](err)
	return connecting || network || pgconn.SafeToRetry(err) || pgconn.Timeout(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed)
}

// transientState sorts SQLSTATEs (manual: PostgreSQL Error Codes).
func transientState(code string) bool {
	switch code {
	case "57P01", // admin_shutdown
		"57P02", // crash_shutdown
		"57P03", // cannot_connect_now
		"57P05", // idle_session_timeout
		"57014", // query_canceled
		"55006", // object_in_use: another process reads the slot
		"40001", // serialization_failure
		"40P01", // deadlock_detected
		"55P03": // lock_not_available
		return true
	}
	return strings.HasPrefix(code, "08") || // connection exception
		strings.HasPrefix(code, "53") // insufficient resources
}
