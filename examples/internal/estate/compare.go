package estate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
)

// Read reads every row of a table from one side by SQL, each with the values of
// the columns of [Table.On]. The server turns everything to text, so that no
// driver's idea of a type comes between. The rows are in no order: the two
// servers would not agree on one.
func Read(ctx context.Context, db *sql.DB, t *Table, s Side) ([]capture.Row, error) {
	var list []string
	columns := t.On(s)
	for _, c := range columns {
		list = append(list, c.Field(s).asText(s))
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s", strings.Join(list, ", "), t.Name(s)))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t.Name(s), err)
	}
	defer rows.Close()
	texts := make([]sql.NullString, len(columns))
	into := make([]any, len(columns))
	for i := range texts {
		into[i] = &texts[i]
	}
	var read []capture.Row
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read %s: %w", t.Name(s), err)
		}
		r := make(capture.Row, len(columns))
		for i, text := range texts {
			if r[i] = capture.Null(); text.Valid {
				r[i] = capture.Text(text.String)
			}
		}
		read = append(read, r)
	}
	return read, rows.Err()
}

// asText is the expression that reads a column as text. Styles
// 120 and 121 are a date and time to the second and to the millisecond.
func (f Field) asText(s Side) string {
	switch {
	case s == Cloud:
		return f.Name + "::text"
	case f.is("smalldatetime"):
		return "CONVERT(varchar(19), " + f.Name + ", 120)"
	case f.is("datetime"):
		return "CONVERT(varchar(23), " + f.Name + ", 121)"
	case f.is("uniqueidentifier"):
		return "UPPER(CONVERT(varchar(36), " + f.Name + "))"
	case f.is("smallint", "tinyint", "int", "numeric", "bit"):
		return "CONVERT(varchar(20), " + f.Name + ")"
	default:
		return f.Name
	}
}

// Result is how one table of one side compares with the model.
type Result struct {
	Equal, Different, Missing, Extra int
	// Rewritten counts, among the equal ones, those that were written although
	// nothing in them changed.
	Rewritten int
	// First are the first differences, in the order of their keys.
	First []Difference
}

// OK reports whether every row is as it must be.
func (r Result) OK() bool { return r.Different+r.Missing+r.Extra+r.Rewritten == 0 }

// Difference is one row that is not as it must be.
type Difference struct {
	Key string
	// What says "missing", "extra", which columns differ, or that the row was
	// written needlessly. It holds no value.
	What string
}

// firstDifferences bounds Result.First.
const firstDifferences = 5

// Compare compares the rows that were read from a side with those that must be
// there. Every column of every row counts, and so does how often a row occurs.
func (m *Model) Compare(t *Table, s Side, read []capture.Row) Result {
	c := comparison{columns: t.On(s)}
	want, got := byKey(t, s, m.Rows(t, s)), byKey(t, s, read)
	var keys []string
	for key := range want {
		keys = append(keys, key)
	}
	for key := range got {
		if want[key] == nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		c.compare(s, key, want[key], got[key])
	}
	return c.Result
}

type comparison struct {
	Result
	columns []*Column
}

func byKey(t *Table, s Side, rows []capture.Row) map[string][]capture.Row {
	by := make(map[string][]capture.Row, len(rows))
	for _, r := range rows {
		key := t.Key(s, r)
		by[key] = append(by[key], r)
	}
	return by
}

// compare pairs the rows of one key: first those that are equal, then what is
// left over on both sides.
func (c *comparison) compare(s Side, key string, want, got []capture.Row) {
	var missing []capture.Row
	got = slices.Clone(got)
	for _, w := range want {
		if i := slices.IndexFunc(got, func(g capture.Row) bool { return slices.Equal(w, g) }); i >= 0 {
			got = slices.Delete(got, i, i+1)
			c.Equal++
		} else {
			missing = append(missing, w)
		}
	}
	for i, w := range missing {
		if i < len(got) {
			c.Different++
			c.note(key, c.differing(s, w, got[i]))
		} else {
			c.Missing++
			c.note(key, "missing")
		}
	}
	for range got[min(len(missing), len(got)):] {
		c.Extra++
		c.note(key, "extra")
	}
}

func (c *comparison) differing(s Side, want, got capture.Row) string {
	var names []string
	for i, column := range c.columns {
		if want[i] != got[i] {
			names = append(names, column.Field(s).Name)
		}
	}
	return "differs in " + strings.Join(names, ", ")
}

func (r *Result) note(key, what string) {
	if len(r.First) < firstDifferences {
		r.First = append(r.First, Difference{key, what})
	}
}
