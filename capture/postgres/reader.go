package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// Reader reads the rows that tables have now, in the text form in which Capture
// tells of them. It is for comparing a target with its source, and is used from
// one goroutine at a time. A table of which row security would hide rows from the
// role is an error.
type Reader struct {
	cat   *catalog
	types map[*capture.Table][]string // of the key columns, as SQL spells them
}

// Reader returns a Reader of the tables to capture. It connects when it is first
// used.
func (c *Capturer) Reader() *Reader {
	return &Reader{cat: newCatalog(c), types: make(map[*capture.Table][]string)}
}

// Close closes the connection.
func (r *Reader) Close(ctx context.Context) { r.cat.close(ctx) }

// How much one statement reads: rows of a Scan, keys of a Find.
const (
	scanRows = 1000
	findKeys = 200
)

// Scan calls each with every row of t. A table with a key is read in the key's
// order, a page at a time, so that no snapshot is held for long: what changes
// meanwhile may be seen or not. One without is read by one statement, as it was
// when that began. Where a connection is lost, a page is read on from the row
// that was last.
func (r *Reader) Scan(ctx context.Context, t *capture.Table, each func(capture.Row) error) error {
	s := scan{table: t, keys: keyColumns(t)}
	for {
		n, err := r.read(ctx, &s, each)
		if err != nil || n < scanRows || len(s.keys) == 0 {
			return ended(ctx, err)
		}
	}
}

// Find looks for the rows of t that have the keys of the given rows, of which
// only the key columns are looked at. It calls each with those that are there:
// the index of the given row, the row that was found, and its version, which is
// another after every change of it. A table without a key is an error.
func (r *Reader) Find(ctx context.Context, t *capture.Table, rows []capture.Row, each func(i int, row capture.Row, version string) error) error {
	keys := keyColumns(t)
	if len(keys) == 0 {
		return fmt.Errorf("table %s has no key by which a row could be found", t)
	}
	for at := 0; at < len(rows); at += findKeys {
		f := find{table: t, keys: keys, rows: rows[at:min(at+findKeys, len(rows))]}
		if _, err := r.read(ctx, &f, func(capture.Row) error { return nil }); err != nil {
			return ended(ctx, err)
		}
		for _, found := range f.found {
			n := len(found) - 2
			position, _ := found[n].Text()
			version, _ := found[n+1].Text()
			i, err := strconv.Atoi(position)
			if err != nil {
				return fmt.Errorf("look up rows of table %s: the source numbers a row %q", t, position)
			}
			if err := each(at+i, found[:n], version); err != nil {
				return err
			}
		}
	}
	return nil
}

// question is what a Reader asks. It is asked again where the answer was cut off:
// then for what is left.
type question interface {
	of() *capture.Table
	sql(types []string) (text string, args []any)
	took(row capture.Row) // is told of each row that came
	goesOn() bool         // whether asking again does not tell anything twice
}

// read asks a question and returns how many rows the last answer had.
func (r *Reader) read(ctx context.Context, q question, each func(capture.Row) error) (int, error) {
	const attempts = 6
	retry := capture.Backoff{Max: 5 * time.Second}
	for left := attempts; ; left-- {
		n, stop, err := r.ask(ctx, q, each)
		if stop != nil {
			return n, stop
		}
		if err == nil || left == 1 || !capture.Retryable(err) || !q.goesOn() {
			return n, err
		}
		if n > 0 {
			left = attempts
		}
		if err := retry.Wait(ctx); err != nil {
			return n, err
		}
	}
}

// ask asks once. stop is what each returned, and err what went wrong with the
// source.
func (r *Reader) ask(ctx context.Context, q question, each func(capture.Row) error) (n int, stop, err error) {
	types, err := r.keyTypes(ctx, q.of())
	if err != nil {
		return 0, nil, err
	}
	conn, err := r.cat.open(ctx)
	if err != nil {
		return 0, nil, err
	}
	text, args := q.sql(types)
	net := below(conn.PgConn())
	ctx, stopAnswer := net.answering(ctx, r.cat.c.answerTimeout())
	defer stopAnswer()
	rows, err := conn.Query(ctx, text, append([]any{pgx.QueryResultFormats{pgx.TextFormatCode}}, args...)...)
	if err != nil {
		return 0, nil, ended(ctx, sourceError(fmt.Sprintf("read table %s", q.of()), err))
	}
	defer rows.Close()
	for rows.Next() {
		row := make(capture.Row, len(rows.RawValues()))
		for i, v := range rows.RawValues() {
			row[i] = capture.Null()
			if v != nil {
				row[i] = capture.Text(string(v))
			}
		}
		n++
		q.took(row)
		net.listen(false)
		stop = each(row)
		net.listen(true)
		if stop != nil {
			stopAnswer() // what is left of the answer may be long
			return n, stop, nil
		}
	}
	return n, nil, ended(ctx, sourceError(fmt.Sprintf("read table %s", q.of()), rows.Err()))
}

// keyTypes returns the types of t's key columns.
func (r *Reader) keyTypes(ctx context.Context, t *capture.Table) ([]string, error) {
	if types, ok := r.types[t]; ok {
		return types, nil
	}
	ctx, cancel := r.cat.c.asking(ctx)
	defer cancel()
	conn, err := r.cat.open(ctx)
	if err != nil {
		return nil, err
	}
	var types []string
	for _, i := range keyColumns(t) {
		var s string
		err := conn.QueryRow(ctx, `SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attname = $2`,
			tableSQL(t), t.Columns[i].Name).Scan(&s)
		if err != nil {
			return nil, ended(ctx, sourceError(fmt.Sprintf("read table %s from the catalogue", t), err))
		}
		types = append(types, s)
	}
	r.types[t] = types
	return types, nil
}
