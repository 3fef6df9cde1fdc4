package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/capture"
)

// ServerError is an error that the target answered with. Its text holds the
// number, our own words for it, and names: SQL Server's own message is left
// out, for it can quote values.
type ServerError struct {
	Number     int32            // SQL Server's error number
	Table      string           // the target's table, "" where none was in hand
	Op         capture.Op       // what was being done to it, 0 where nothing was
	Position   capture.Position // of the source transaction, 0 where none was in hand
	Constraint string           // the constraint, index or trigger in question, where it is known
	Reason     string           // what the number means
	retryable  bool

	procedure bool    // whether it arose in a trigger or a procedure
	text      string  // the server's own words, for the kind of constraint alone
	change    *change // that was refused; nil where it is not known
	certain   bool    // whether it is that one, and not another of its batch
}

// Error returns one sentence without values.
func (e *ServerError) Error() string {
	var b strings.Builder
	if e.Op != 0 {
		fmt.Fprintf(&b, "%s in %s at %s: ", e.Op, e.Table, e.Position)
	}
	fmt.Fprintf(&b, "SQL Server error %d: %s", e.Number, e.Reason)
	if e.Constraint != "" {
		fmt.Fprintf(&b, " (%s)", e.Constraint)
	}
	return b.String()
}

// Retryable reports whether the same transaction may succeed when it is run
// again.
func (e *ServerError) Retryable() bool { return e.retryable }

// login reports whether the server did not let the login into the database.
func (e *ServerError) login() bool {
	return slices.Contains([]int32{916, 4060, 18456, 18486}, e.Number)
}

// unreadCatalogue says what was being done when the server refused it, for the
// server does not name the table.
func unreadCatalogue(err error) error {
	if server, ok := errors.AsType[*ServerError](err); ok && !server.login() {
		return fmt.Errorf("read the target's catalogue: %w", err)
	}
	return err
}

// LostError says that the connection to the target was lost, or could not be
// made. If that was during a commit, the checkpoint tells whether it happened.
type LostError struct{ Err error }

// Error says what the network said.
func (e *LostError) Error() string { return "connection to the target: " + e.Err.Error() }

// Unwrap returns the network's error.
func (e *LostError) Unwrap() error { return e.Err }

// Retryable is true: another connection may be had.
func (e *LostError) Retryable() bool { return true }

// known is what an error number means to an applier.
type known struct {
	reason    string
	retryable bool
}

// numbers are SQL Server's error numbers (SQL Server documentation, Database
// engine events and errors) that deserve words of their own. A number that is
// not here is permanent: an error is never swallowed, and never retried on a
// guess.
var numbers = map[int32]known{
	102:   {"incorrect syntax", false},
	207:   {"a column no longer exists; the target's table was altered", false},
	208:   {"a table no longer exists, or the login may not see it", false},
	220:   {"arithmetic overflow of an integer column", false},
	229:   {"the login lacks a permission on the table; grant it to the login's user", false},
	230:   {"the login lacks a permission on a column; grant it to the login's user", false},
	241:   {"a text is not a date or time", false},
	242:   {"a date or time is out of range", false},
	244:   {"a number is too large for its column", false},
	245:   {"a text could not be converted to its column's type", false},
	248:   {"a number is too large for int", false},
	266:   {"the transaction was ended from within; a procedure or a trigger commits or rolls back", false},
	271:   {"a computed column was written", false},
	272:   {"a rowversion column was written", false},
	334:   {"the table has triggers that do not allow OUTPUT", false},
	515:   {"a column that must not be null was given none", false},
	544:   {"an identity column was written without IDENTITY_INSERT", false},
	547:   {"a foreign key or check constraint is violated", false},
	596:   {"the session was ended by the server", true},
	701:   {"the server is short of memory", true},
	916:   {"the login has no user in the database; have one made for it", false},
	921:   {"the target database is not recovered yet", true},
	922:   {"the target database is being recovered", true},
	924:   {"the target database is in single-user mode, and someone else is in it", true},
	927:   {"the target database is being restored", true},
	942:   {"the target database is offline", true},
	952:   {"the target database is in transition", true},
	976:   {"the target database is on a replica that takes no connections now", true},
	983:   {"the target database's replica is changing its role", true},
	1088:  {"the table does not exist, or the login may not SET IDENTITY_INSERT on it (it needs ALTER)", false},
	1101:  {"the target's disk is full", true},
	1105:  {"the target's filegroup is full", true},
	1204:  {"the server is out of locks", true},
	1205:  {"chosen as deadlock victim", true},
	1222:  {"waited longer than the lock timeout", true},
	1827:  {"the target has reached the size that its edition allows", true},
	2601:  {"a unique index already holds that key", false},
	2627:  {"a unique or primary key already holds that key", false},
	2628:  {"a text or binary is longer than its column", false},
	3609:  {"a trigger ended the transaction", false},
	3616:  {"a trigger raised an error, and the transaction was rolled back", false},
	3906:  {"the target database is read-only", true},
	3930:  {"the transaction is doomed by an earlier error", false},
	3960:  {"a snapshot update conflict", true},
	3966:  {"the server's version store is full", true},
	3967:  {"the server's version store is full", true},
	4060:  {"the database cannot be opened by this login; correct its name, or have a user made there for the login", false},
	5074:  {"a column cannot be changed while other objects depend on it", false},
	5149:  {"a file of the target cannot grow", true},
	6005:  {"the server is shutting down", true},
	8102:  {"an identity column was updated", false},
	8114:  {"a value could not be converted to its column's type", false},
	8115:  {"arithmetic overflow on conversion to a column's type", false},
	8152:  {"a text or binary is longer than its column", false},
	8645:  {"timed out waiting for memory", true},
	9001:  {"the target's transaction log is not available", true},
	9002:  {"the target's transaction log is full", true},
	10928: {"a resource limit of the server is reached", true},
	10929: {"the server is too busy", true},
	10060: {"the server did not answer", true},
	13536: {"a period column was written", false},
	13537: {"a period column was updated", false},
	13559: {"the history of a temporal table was written", false},
	13560: {"the history of a temporal table was written", false},
	13561: {"the history of a temporal table was written", false},
	17187: {"the server is not ready for connections yet", true},
	17830: {"a network error on login", true},
	18401: {"the server is being upgraded, and takes no connections yet", true},
	18456: {"login failed; check user and password", false},
	18486: {"login failed, the account is locked; have it unlocked", false},
	20509: {"a network error", true},
	40197: {"the service met an error", true},
	40501: {"the service is busy", true},
	40544: {"the database has reached its size quota", true},
	40613: {"the database is not available now", true},
	41301: {"a transaction on which this one depends failed", true},
	41302: {"a row of a memory-optimised table was changed by another session", true},
	41305: {"a memory-optimised table was changed by another session", true},
	41325: {"a memory-optimised table was changed by another session", true},
	41839: {"too many transactions depend on each other", true},
}

// worded are messages by which a server that speaks T-SQL, but is not SQL
// Server, tells what SQL Server has a number for.
var worded = map[string]int32{
	"canceling statement due to lock timeout": 1222,
	"could not serialize access":              3960,
	"No space left on device":                 1105,
}

// quotesNames are the numbers whose message begins with the name of a constraint
// or an index. Another may quote anything, a trigger's own words above all.
var quotesNames = map[int32]bool{547: true, 2601: true, 2627: true}

var constraintName = regexp.MustCompile(`(?:constraint|unique index) ['"]([^'"]+)['"]`)

// translate makes an error that the driver returned one of ours. ctx is the one
// of the call: its end is returned as its cause.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var server mssql.Error
	if errors.As(err, &server) {
		out := serverError(server)
		if errors.As(err, new(*awayError)) {
			out.Reason, out.retryable = "the target database cannot be opened now, as it could before", true
		}
		return out
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if words := err.Error(); strings.Contains(words, "TLS Handshake failed") {
		switch {
		case strings.Contains(words, "negative serial number"):
			return fmt.Errorf("connection to the target: %w; give the server another certificate than the one that it made for itself, or set GODEBUG=x509negativeserial=1", err)
		case strings.Contains(words, "x509"):
			return fmt.Errorf("connection to the target: %w; name the certificate to trust with certificate=FILE in the DSN, or set TrustServerCertificate=true in it", err)
		}
		return &LostError{Err: fmt.Errorf("%w; an old server may need an update for TLS 1.2, or tlsmin=1.0 in the DSN, and GODEBUG=tlssha1=1 for a certificate that is signed with SHA-1", err)}
	}
	return &LostError{Err: err}
}

// awayError is the answer to a login that the database cannot be opened, where one
// of the same pool could open it before. It has the same number where the database
// is recovered, restored, offline or another's alone, and where there is none.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }

func (e *awayError) Unwrap() error { return e.err }

// whyAway marks what a login that could open the database before is answered with,
// where it is that the database cannot be opened.
func whyAway(err error) error {
	var server mssql.Error
	if errors.As(err, &server) && firstError(server).Number == 4060 {
		return &awayError{err}
	}
	return err
}

// firstError picks the error that tells most: the server sends the cause first,
// and after it what follows from it (3609 and 3616 after a trigger's own error,
// 3621 after any).
func firstError(e mssql.Error) mssql.Error {
	for _, earlier := range e.All {
		if earlier.Class > 10 && earlier.Number != 0 {
			return earlier
		}
	}
	return e
}

// inProcedure reports whether the error arose in a trigger or a procedure, which
// it then names. What every batch runs through does not count.
func inProcedure(e mssql.Error) bool {
	switch procedureName(e) {
	case "", "sp_executesql", "sp_prepexec", "sp_execute":
		return false
	}
	return true
}

// procedureName is the name of the trigger or the procedure in which an error
// arose, without its schema, which SQL Server has in it from 2017 on.
func procedureName(e mssql.Error) string {
	return e.ProcName[strings.LastIndexByte(e.ProcName, '.')+1:]
}

func serverError(e mssql.Error) *ServerError {
	e = firstError(e)
	for words, number := range worded {
		if _, ok := numbers[e.Number]; !ok && strings.Contains(e.Message, words) {
			e.Number = number
		}
	}
	out := &ServerError{Number: e.Number, text: e.Message, procedure: inProcedure(e), Reason: "the server refused it for a reason that has no words here; look the number up"}
	if k, ok := numbers[e.Number]; ok {
		out.Reason, out.retryable = k.reason, k.retryable
	}
	switch {
	case e.Number == 0: // the driver's own word
		out.Reason = "the server ended the transaction"
	case e.Number >= 50000:
		out.Reason = "code in the database refused it"
	}
	if inProcedure(e) {
		out.Constraint = procedureName(e)
	}
	if m := constraintName.FindStringSubmatch(e.Message); m != nil && quotesNames[e.Number] {
		out.Constraint = m[1]
	}
	return out
}
