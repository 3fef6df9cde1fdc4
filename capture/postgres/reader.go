package postgres

import (
	"context"
	"fmt"
	"slices"
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
	cat  *catalog
	keys map[*capture.Table][]keyColumn
}

// Reader returns a Reader of the tables to capture. It connects when it is first
// used.
func (c *Capturer) Reader() *Reader {
	return &Reader{cat: newCatalog(c), keys: make(map[*capture.Table][]keyColumn)}
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
	s := scan{table: t, keyed: hasKey(t)}
	for {
		n, err := r.read(ctx, &s, each)
		if err != nil || n < scanRows || !s.keyed {
			return ended(ctx, err)
		}
	}
}

// Find looks for the rows of t that have the keys of the given rows, of which
// only the key columns are looked at. It calls each with those that are there:
// the index of the given row, the row that was found, and its version, which is
// another after every change of it. A table without a key is an error.
func (r *Reader) Find(ctx context.Context, t *capture.Table, rows []capture.Row, each func(i int, row capture.Row, version string) error) error {
	if !hasKey(t) {
		return fmt.Errorf("table %s has no key by which a row could be found", t)
	}
	for at := 0; at < len(rows); at += findKeys {
		f := find{table: t, rows: rows[at:min(at+findKeys, len(rows))]}
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
	sql(key []keyColumn) (text string, args []any)
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
	key, err := r.key(ctx, q.of())
	if err != nil {
		return 0, nil, err
	}
	conn, err := r.cat.open(ctx)
	if err != nil {
		return 0, nil, err
	}
	text, args := q.sql(key)
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

// key returns t's key columns in the order of the index that they are of.
func (r *Reader) key(ctx context.Context, t *capture.Table) ([]keyColumn, error) {
	if key, ok := r.keys[t]; ok {
		return key, nil
	}
	ctx, cancel := r.cat.c.asking(ctx)
	defer cancel()
	conn, err := r.cat.open(ctx)
	if err != nil {
		return nil, err
	}
	var key []keyColumn
	for i, c := range t.Columns {
		if !c.Key {
			continue
		}
		k := keyColumn{index: i}
		err := conn.QueryRow(ctx, `
			SELECT format_type(a.atttypid, a.atttypmod), coalesce((SELECT array_position(i.indkey::int2[], a.attnum) FROM pg_index i
				WHERE i.indrelid = a.attrelid AND CASE WHEN $3 THEN i.indisreplident ELSE i.indisprimary END), 0)
			FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attname = $2`,
			tableSQL(t), c.Name, t.Identity == capture.IdentityIndex).Scan(&k.typ, &k.place)
		if err != nil {
			return nil, ended(ctx, sourceError(fmt.Sprintf("read table %s from the catalogue", t), err))
		}
		key = append(key, k)
	}
	slices.SortStableFunc(key, func(a, b keyColumn) int { return a.place - b.place })
	r.keys[t] = key
	return key, nil
}
