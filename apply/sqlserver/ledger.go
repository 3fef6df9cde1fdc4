package sqlserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// record writes a decided conflict into the ledger, in the open transaction. row
// is what the target's row is since; nil is no row. id, where it is not nil, gets
// the number of the ledger's row.
func (w *writing) record(e *encounter, c *resolve.Conflict, answer resolve.Resolution, row rowImage, id *int64) error {
	w.recorded++
	secret := e.mapping.secret(w.cfg.LedgerKey)
	q := &builder{}
	q.WriteString("INSERT INTO " + w.control.own("conflict") +
		" ([pipeline], [position], [txid], [committed_at], [change_no], [kind], [op], [table_name], [row_key]," +
		" [base], [incoming], [current_row], [result], [differs], [constraint_name], [rule_name], [action], [reason], [decided_by], [decided_at]) SELECT ")
	for _, v := range []any{
		w.cfg.Pipeline, int64(c.Position), int64(c.TxID), ledgerTime(c.CommitTime), e.index, c.Kind.String(), c.Op.String(),
		cut(c.Table.String(), 257), secret.object(e.keyOnly(e.known()), c.Table),
		secret.object(c.Base, c.Table), secret.object(c.Incoming, c.Table), secret.object(c.Current, c.Table), secret.object(row.row(), c.Table), columnNames(c),
		orNull(cut(c.Constraint, 256)), cut(c.Rule, 128), answer.Action.String(), orNull(cut(answer.Reason, 1000)), orNull(w.by),
	} {
		q.argument(v)
		q.WriteString(", ")
	}
	q.WriteString("SYSUTCDATETIME()")
	s := &statement{text: q.String(), args: q.args, size: q.size}
	b := &batch{statements: []*statement{s}}
	if w.cfg.KeepLedger > 0 {
		b.add(w.forget())
	}
	if err := b.perform(w.ctx, w.tx); err != nil || id == nil {
		return err
	}
	// Nobody else writes of this change: the row is found by what it is about.
	return w.query("SELECT MAX([id]) FROM "+w.control.own("conflict")+" WHERE [pipeline] = @p1 AND [position] = @p2 AND [change_no] = @p3",
		func(rows *sql.Rows) error { return rows.Scan(id) }, w.cfg.Pipeline, int64(c.Position), e.index)
}

// query runs a query in the open transaction.
func (w *writing) query(text string, scan func(*sql.Rows) error, args ...any) error {
	return translate(w.ctx, query(w.ctx, w.tx, text, scan, args...))
}

// forget is the statement that deletes a few of what is past its time in the
// ledger, what still waits for a decision aside: whoever writes into it tidies up.
func (w *writing) forget() *statement {
	return &statement{
		text: "DELETE TOP (20) FROM " + w.control.own("conflict") +
			" WHERE [pipeline] = \x00 AND [decided_at] < DATEADD(minute, \x00, SYSUTCDATETIME()) AND [id] NOT IN (SELECT [conflict] FROM " +
			w.control.own("parked") + " WHERE [pipeline] = \x00 AND [conflict] IS NOT NULL)",
		args:     []any{w.cfg.Pipeline, -int64(max(w.cfg.KeepLedger, time.Minute) / time.Minute), w.cfg.Pipeline},
		anyCount: true,
	}
}

// argument writes a parameter, or NULL, which takes none.
func (w *builder) argument(v any) {
	if v == nil {
		w.WriteString("NULL")
		return
	}
	w.WriteString("\x00")
	w.args = append(w.args, v)
	if text, ok := v.(string); ok {
		w.size += int64(len(text))
	}
}

// known is the row that tells the key: the target's, else the source's.
func (e *encounter) known() capture.Row {
	for _, im := range []rowImage{e.current, e.base, e.incoming} {
		if im != nil {
			return im.row()
		}
	}
	return nil
}

// keyOnly leaves the key's values of a row, all of it where there is no key.
func (p *plan) keyOnly(row capture.Row) capture.Row {
	if p.key == nil || row == nil {
		return row
	}
	out := make(capture.Row, len(row))
	for _, i := range p.key {
		out[i] = row[i]
	}
	return out
}

// result is what the target's row is after row was written.
func (e *encounter) result(row rowImage) rowImage {
	if row == nil || e.current == nil {
		return row
	}
	out := slices.Clone(e.current)
	for i, v := range row {
		if v.known {
			out[i] = v
		}
	}
	return out
}

// columnNames are the columns that a conflict is about, as a JSON array; nil is
// none.
func columnNames(c *resolve.Conflict) any {
	if len(c.Differs) == 0 {
		return nil
	}
	names := make([]string, len(c.Differs))
	for i, column := range c.Differs {
		names[i] = c.Table.Columns[column].Name
	}
	b, _ := json.Marshal(names) // strings alone cannot fail
	return string(b)
}

func ledgerTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000")
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// cut cuts a text to what an nvarchar of that length holds.
func cut(s string, longest int) string {
	units := 0
	for i, r := range s {
		if units += utf16.RuneLen(r); units > longest {
			return s[:i]
		}
	}
	return s
}

// secrets are the columns of a table whose values are hashed.
type secrets struct {
	columns []string
	key     []byte
}

func (m *mapping) secret(key []byte) secrets { return secrets{m.config.Secret, key} }

// object returns a row as a JSON object, nil where there is none. What is absent
// is left out.
func (s secrets) object(row capture.Row, t *capture.Table) any {
	if row == nil {
		return nil
	}
	out := make(map[string]*string, len(row))
	for i, v := range row {
		column := t.Columns[i].Name
		text, ok := v.Text()
		switch {
		case v.IsNull():
			out[column] = nil
		case ok && s.covers(column):
			out[column] = new(s.hash(column, text))
		case ok:
			out[column] = &text
		}
	}
	b, _ := json.Marshal(out) // strings alone cannot fail
	return string(b)
}

func (s secrets) covers(column string) bool {
	return slices.ContainsFunc(s.columns, func(name string) bool { return strings.EqualFold(name, column) })
}

// hash stands for a value: equal values of one column have equal hashes.
func (s secrets) hash(column, text string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(strings.ToLower(column) + "\x00" + text))
	return "hmac-sha256:" + hex.EncodeToString(h.Sum(nil))
}
