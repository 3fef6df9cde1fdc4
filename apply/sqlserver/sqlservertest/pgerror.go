package sqlservertest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// translateError makes SQL Server's error of what PostgreSQL says. w is the write
// that failed; nil for a query.
func (s *session) translateError(ctx context.Context, err error, w *write) error {
	var own *sqlError
	if errors.As(err, &own) {
		return own
	}
	if errors.Is(err, errDropped) || errors.Is(err, errCancelled) {
		return err
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		if ctx.Err() != nil {
			return errCancelled
		}
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	switch pg.Code {
	case "TS000":
		number, class, _ := strings.Cut(pg.Detail, ",")
		n, _ := strconv.Atoi(number)
		c, _ := strconv.Atoi(class)
		return errf(int32(n), uint8(c), "%s", pg.Message)
	case "57014":
		return errCancelled
	case "23505", "23502", "23503", "23514":
		return s.constraintError(pg, w)
	case "22012":
		return errf(8134, 16, "Divide by zero error encountered.")
	case "22003":
		return overflowError(pg)
	case "22008":
		return errf(517, 16, "Adding a value to a 'datetime' column caused an overflow.")
	case "40P01":
		return errVictim(s.spid)
	case "40001":
		if s.snapshot {
			return errf(3960, 16, "Snapshot isolation transaction aborted due to update conflict. Retry the transaction or change the isolation level for the update/delete statement.")
		}
		return errVictim(s.spid)
	case "55P03":
		return errLockTimeout()
	case "21000":
		return errf(512, 16, "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, >= or when the subquery is used as an expression.")
	case "42803":
		return errf(8120, 16, "A column is invalid in the select list because it is not contained in either an aggregate function or the GROUP BY clause.")
	case "54001":
		return errf(217, 16, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).")
	case "2BP01":
		return errf(3729, 16, "Cannot drop it because it is being referenced: %s.", pg.Message)
	}
	return errUnknown("what PostgreSQL calls " + pg.Code + ", " + pg.Message)
}

func errVictim(spid uint16) *sqlError {
	e := errf(1205, 13, "Transaction (Process ID %d) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.", spid)
	e.state = 51
	return e
}

func errLockTimeout() *sqlError {
	e := errf(1222, 16, "Lock request time out period exceeded.")
	e.state = 45
	return e
}

func overflowError(pg *pgconn.PgError) *sqlError {
	name := "numeric"
	switch {
	case strings.HasPrefix(pg.Message, "integer"):
		name = "int"
	case strings.HasPrefix(pg.Message, "bigint"):
		name = "bigint"
	case strings.HasPrefix(pg.Message, "smallint"):
		name = "smallint"
	case strings.Contains(pg.Message, "double"), strings.Contains(pg.Message, "underflow"), strings.Contains(pg.Message, "overflow"):
		name = "float"
	case strings.Contains(pg.Message, "real"):
		name = "real"
	}
	return errf(8115, 16, "Arithmetic overflow error converting expression to data type %s.", name)
}

// duplicate is the value of a key that is there already, as PostgreSQL has it.
func duplicate(pg *pgconn.PgError) string {
	_, rest, ok := strings.Cut(pg.Detail, ")=(")
	if !ok {
		return ""
	}
	rest, _ = strings.CutSuffix(rest, " already exists.")
	return "(" + strings.TrimSuffix(rest, ")") + ")"
}

func (s *session) constraintError(pg *pgconn.PgError, w *write) *sqlError {
	verb := "INSERT"
	if w != nil {
		verb = w.event
	}
	if pg.Code == "23502" {
		return errf(515, 16, "Cannot insert the value NULL into column '%s', table '%s.%s.%s'; column does not allow nulls. %s fails.",
			pg.ColumnName, s.srv.database, pg.SchemaName, pg.TableName, verb)
	}
	t, r, x := s.srv.cat.named(pg.ConstraintName)
	switch {
	case x != nil && x.rule == nil:
		return errf(2601, 14, "Cannot insert duplicate key row in object '%s' with unique index '%s'. The duplicate key value is %s.", t.full(), x.name, duplicate(pg))
	case r == nil:
		return errUnknown("the constraint " + pg.ConstraintName)
	}
	switch r.kind {
	case "PK":
		return errf(2627, 14, "Violation of PRIMARY KEY constraint '%s'. Cannot insert duplicate key in object '%s'. The duplicate key value is %s.", r.name, t.full(), duplicate(pg))
	case "UQ":
		return errf(2627, 14, "Violation of UNIQUE KEY constraint '%s'. Cannot insert duplicate key in object '%s'. The duplicate key value is %s.", r.name, t.full(), duplicate(pg))
	}
	kind, at := "CHECK", t
	cols := r.cols
	if r.kind == "FK" {
		kind, at, cols = "FOREIGN KEY", r.ref, r.refCols
		if strings.Contains(pg.Detail, "still referenced") {
			kind, at, cols = "REFERENCE", t, r.cols
		}
	}
	column := ""
	if len(cols) == 1 {
		column = fmt.Sprintf(", column '%s'", cols[0])
	}
	if r.ref != nil && r.ref.id == t.id {
		kind = strings.Replace(kind, "FOREIGN KEY", "FOREIGN KEY SAME TABLE", 1)
	}
	return errf(547, 16, "The %s statement conflicted with the %s constraint \"%s\". The conflict occurred in database \"%s\", table \"%s\"%s.",
		verb, kind, r.name, s.srv.database, at.full(), column)
}
