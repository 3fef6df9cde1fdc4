package sqlserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// A source that sends no old row does not say what the target's row should be. So
// what the row was behind our own last write of it is remembered, in a table of
// our own and in the transaction of that write. The next change of the row reads
// it along with the row: where the two are not the same, someone else was there.
//
// Both the row's rowversion and a hash of its mapped columns are remembered. The
// hash decides: a rowversion also moves with a column that is not mapped, and
// with a trigger. Where the rowversion has not moved the row is the same whatever
// the hash is of, so that a column more in the mapping makes no conflicts.

// remembering is what a plan whose table remembers needs for it.
type remembering struct {
	columns string        // tells of which columns a hash is; 8 hexadecimal digits
	version *targetColumn // the table's rowversion; nil is none
}

// findRemembering says how the plan's rows are remembered, where they are to be.
func (p *plan) findRemembering() error {
	switch {
	case !p.mapping.config.Remember:
		return nil
	case p.source.Identity == capture.IdentityFull:
		return fmt.Errorf("%s sends the whole old row, with which the target's is compared, so that nothing is to be remembered; leave `remember` out", p.source)
	}
	h := sha256.New()
	for _, c := range p.columns {
		fmt.Fprintf(h, "%q %s\n", strings.ToLower(c.to.name), c.to.typ)
	}
	p.remember = &remembering{columns: hex.EncodeToString(h.Sum(nil)[:4])}
	for i := range p.target.columns {
		if c := &p.target.columns[i]; c.isVersion() {
			p.remember.version = c
		}
	}
	return nil
}

// selectVersion is the select expression of the table's rowversion.
func (r *remembering) selectVersion() string {
	if r.version == nil {
		return "CAST(NULL AS varbinary(8))"
	}
	return readAs(r.version).selectExpr(quote(r.version.name))
}

// rowName names a row by its key, to the letter; "" where that is not known. The
// source's key is meant: what the target's collation takes for the same key is
// written by another row of the source.
func (p *plan) rowName(row rowImage) string {
	if row == nil {
		return ""
	}
	var parts []string
	for _, i := range p.key {
		value := "-"
		switch {
		case !row[i].known:
			return ""
		case !row[i].null:
			value = "=" + row[i].terms
		}
		parts = append(parts, strings.ToLower(p.columns[i].to.name)+"="+value)
	}
	return resourceName(p.target.name, parts)
}

// rowState is what a row of the target is: all that is remembered of it.
type rowState struct {
	columns, hash string
	version       []byte // nil is none
}

// stateOf is the state of a row, given the whole of it.
func (s *seal) stateOf(p *plan, name string, row rowImage, version any) rowState {
	terms := make([]term, len(row))
	for i, v := range row {
		terms[i] = term{v.null, v.terms}
	}
	h := sha256.New()
	h.Write([]byte(name)) // what two rows have in common shows nowhere
	h.Write(appendTerms(nil, terms))
	bytes, _ := version.([]byte)
	return rowState{p.remember.columns, s.name(hex.EncodeToString(h.Sum(nil)[:16])), bytes}
}

// isLeft reports whether a row is still as it was remembered, as far as that can
// be told: a hash of other columns tells nothing.
func (s rowState) isLeft(now rowState) bool {
	return len(s.version) > 0 && bytes.Equal(s.version, now.version) || s.columns != now.columns || s.hash == now.hash
}

// recall reads the rows that where finds, as read does, and whether someone else
// has changed the one row since we wrote it last. What was written in the open
// transaction nobody else can have changed.
func (w *writing) recall(c *change, where predicate) (rows []rowImage, changed bool, err error) {
	if c.remember == nil {
		rows, err = w.read(c, where)
		return rows, false, err
	}
	name := c.rowName(c.imageOf(c.old()))
	rows, more, err := w.readWith(c, where, w.remembered(c.plan, name))
	if err != nil || len(rows) != 1 || w.left.has(name) {
		return rows, false, err
	}
	was, known := scannedState(more[0])
	return rows, known && !was.isLeft(w.seal.stateOf(c.plan, name, rows[0], more[0][0])), nil
}

// remembered joins what is remembered of a row to what is read of it.
func (w *writing) remembered(p *plan, name string) *joined {
	return &joined{
		columns: []string{p.remember.selectVersion(), "syncback_columns", "syncback_hash", "syncback_version"},
		table: func(q *builder) {
			q.WriteString("(SELECT [columns] AS syncback_columns, [hash] AS syncback_hash, [version] AS syncback_version FROM " +
				w.control.own("written") + " WHERE [pipeline] = \x00 AND [table_name] = \x00 AND [resource] = \x00) AS syncback_written")
			q.args = append(q.args, w.cfg.Pipeline, p.target.name.String(), mssqlChar(w.seal.name(name)))
		},
	}
}

// scannedState is what was remembered, from what remembered has joined; it is
// false where that is nothing.
func scannedState(more []any) (rowState, bool) {
	columns, _ := more[1].(string)
	hash, known := more[2].(string)
	version, _ := more[3].([]byte)
	return rowState{columns, hash, version}, known
}
