package sqlserver

import (
	"context"
	"database/sql"
	"encoding/json"
	"iter"
	"time"

	"github.com/syncback/syncback/capture"
)

// LedgerEntry is one row of the ledger: a conflict, and what was decided. The
// rows in it are JSON objects by the target's columns, "" where there is none;
// they hold values, secret columns aside.
type LedgerEntry struct {
	ID          int64
	Position    capture.Position // of the transaction in the source
	TxID        uint64           // its number there
	CommittedAt time.Time        // there; zero where it is not known
	Kind, Op    string
	Table       string
	Key         string
	Base        string   // as the source had it before
	Incoming    string   // as the source had it then
	Current     string   // as the target had it
	Result      string   // as the target had it then
	Differs     []string // the columns that it is about; nil where that is not known
	Constraint  string   // what refused
	Rule        string   // who was asked
	Action      string   // what it said
	Reason      string
	DecidedBy   string // the person; "" is the rule
	DecidedAt   time.Time
	Waiting     bool // its transaction is parked until a person decides
}

// LedgerQuery says which entries to read. The zero LedgerQuery is all of them.
type LedgerQuery struct {
	ID      int64 // only this one; 0 means any
	Waiting bool  // only those that wait for a decision
}

// Ledger yields entries of the pipeline's ledger, the oldest first. An error ends
// the sequence.
func (c *Control) Ledger(ctx context.Context, q LedgerQuery) iter.Seq2[LedgerEntry, error] {
	text := `SELECT c.[id], c.[position], c.[txid], c.[committed_at], c.[kind], c.[op], c.[table_name], c.[row_key], c.[base], c.[incoming], c.[current_row], c.[result], c.[differs],
c.[constraint_name], c.[rule_name], c.[action], c.[reason], c.[decided_by], c.[decided_at], p.[position]
FROM ` + c.own("conflict") + ` c LEFT JOIN ` + c.own("parked") + ` p ON p.[pipeline] = c.[pipeline] AND p.[conflict] = c.[id]
WHERE c.[pipeline] = @p1 AND (@p2 = 0 OR c.[id] = @p2)`
	if q.Waiting {
		text += " AND p.[position] IS NOT NULL"
	}
	return func(yield func(LedgerEntry, error) bool) {
		going := true
		err := c.query(ctx, text+" ORDER BY c.[id]", func(rows *sql.Rows) error {
			if !going {
				return nil
			}
			e, err := scanEntry(rows)
			if err == nil {
				going = yield(e, nil)
			}
			return err
		}, c.pipeline, q.ID)
		if err != nil && going {
			yield(LedgerEntry{}, err)
		}
	}
}

func scanEntry(rows *sql.Rows) (e LedgerEntry, err error) {
	var position, txid int64
	var committed sql.NullTime
	var waiting sql.NullInt64
	var differs sql.NullString
	texts := make([]sql.NullString, 8)
	err = rows.Scan(&e.ID, &position, &txid, &committed, &e.Kind, &e.Op, &e.Table, &texts[0], &texts[1], &texts[2], &texts[3], &texts[4],
		&differs, &texts[5], &e.Rule, &e.Action, &texts[6], &texts[7], &e.DecidedAt, &waiting)
	e.Position, e.TxID, e.CommittedAt, e.Waiting = capture.Position(position), uint64(txid), committed.Time, waiting.Valid
	for i, to := range []*string{&e.Key, &e.Base, &e.Incoming, &e.Current, &e.Result, &e.Constraint, &e.Reason, &e.DecidedBy} {
		*to = texts[i].String
	}
	if err == nil && differs.Valid {
		err = json.Unmarshal([]byte(differs.String), &e.Differs)
	}
	return e, err
}

// Waiting counts the parked transactions that wait for a person's decision, and
// those that wait behind them.
func (c *Control) Waiting(ctx context.Context) (decisions, behind int, err error) {
	err = c.query(ctx, "SELECT COUNT([conflict]), COUNT(*) FROM "+c.own("parked")+" WHERE [pipeline] = @p1", func(rows *sql.Rows) error {
		return rows.Scan(&decisions, &behind)
	}, c.pipeline)
	return decisions, behind - decisions, err
}

// own is one of our own tables, quoted.
func (c *Control) own(table string) string { return name{c.schema, table}.quoted() }
