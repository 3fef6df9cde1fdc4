package main_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// compareRows compares every row and column of the target with the model.
func (s *site) compareRows(step string, t *genTable) {
	s.t.Helper()
	var want []string
	for _, r := range t.rows {
		want = append(want, r.expected(t))
	}
	got := s.generatedRows(t)
	slices.Sort(want)
	slices.Sort(got)
	if slices.Equal(want, got) {
		return
	}
	missing, extra := difference(want, got), difference(got, want)
	s.t.Errorf("after %s: table %d, %s: %d rows, want %d; %d are not as they should be", step, t.id, t.quoted(), len(got), len(want), len(missing))
	for i := range min(len(missing), len(extra), 3) {
		a, b := strings.Split(missing[i], "\x00"), strings.Split(extra[i], "\x00")
		for j, c := range t.columns {
			if a[j] != b[j] {
				s.t.Errorf("%s, %s into %s: %.100q, want %.100q", c.target, c.from, c.to, b[j], a[j])
			}
		}
		s.t.Errorf("the target's own columns: %q, want %q", b[len(t.columns):], a[len(t.columns):])
	}
}

// difference returns what a has and b lacks, counting what is there twice.
func difference(a, b []string) []string {
	left := map[string]int{}
	for _, x := range b {
		left[x]++
	}
	var out []string
	for _, x := range a {
		if left[x]--; left[x] < 0 {
			out = append(out, x)
		}
	}
	return out
}

// expected is the row's text in the target.
func (r *genRow) expected(t *genTable) string {
	var texts []string
	for i, c := range t.columns {
		want := r.cells[i].want
		if c.left != "" {
			want = c.left
		}
		texts = append(texts, want)
	}
	return strings.Join(append(texts, fixedValue, keptValue, strconv.Itoa(2*len(fixedValue))), "\x00")
}

// generatedRows returns the text of each row of the target. The columns have other
// names in the result, and text, ntext and image are read as what came after
// them, since the answer names the table they are of: not every server can send
// odd names.
func (s *site) generatedRows(t *genTable) (out []string) {
	s.t.Helper()
	names, types := []string{}, []string{}
	for i, c := range t.columns {
		expr := quoteTarget(c.target)
		if newer, ok := map[string]string{"text": "varchar", "ntext": "nvarchar", "image": "varbinary"}[c.to]; ok {
			expr = fmt.Sprintf("CAST(%s AS %s(max))", expr, newer)
		}
		names, types = append(names, fmt.Sprintf("%s AS c%d", expr, i)), append(types, c.to)
	}
	names, types = append(names, fixedColumn, keptColumn, "twice"), append(types, "char", "varchar", "int")
	s.eachTargetRow("SELECT "+strings.Join(names, ", ")+" FROM "+t.quoted(), len(names), func(values []any) {
		texts := make([]string, len(values))
		for i, v := range values {
			var err error
			if texts[i], err = targetText(types[i], v); err != nil {
				s.t.Fatal(err)
			}
		}
		out = append(out, strings.Join(texts, "\x00"))
	})
	return out
}

// eachTargetRow calls each with the n values of every row of a query.
func (s *site) eachTargetRow(query string, n int, each func([]any)) {
	s.t.Helper()
	rows, err := s.ms.QueryContext(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, into := make([]any, n), make([]any, n)
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			s.t.Fatal(err)
		}
		each(values)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
}

// written is what is counted in the target: rows of a table that were inserted,
// updated or deleted, and rows that a column stood in SET for.
type written struct {
	table int
	what  string
}

const (
	rowsInserted = "rows inserted"
	rowsUpdated  = "rows updated"
	rowsDeleted  = "rows deleted"
)

// columnSet is what is counted of the i-th column.
func columnSet(i int) string { return fmt.Sprintf("column %d", i) }

// countWrites makes the triggers that count.
func (s *site) countWrites(tables []*genTable) {
	s.t.Helper()
	s.onTarget("CREATE TABLE dbo.writes (tab int NOT NULL, what varchar(30) NOT NULL, n int NOT NULL)")
	for _, t := range tables {
		count := func(what, of string) string {
			return fmt.Sprintf("INSERT INTO dbo.writes (tab, what, n) SELECT %d, '%s', COUNT(*) FROM %s\n", t.id, what, of)
		}
		trigger := func(event, body string) {
			s.onTarget(fmt.Sprintf("CREATE TRIGGER %s.count_%s_%d ON %s AFTER %s AS BEGIN\nSET NOCOUNT ON\n%sEND", quoteTarget(t.target[0]), event, t.id, t.quoted(), event, body))
		}
		var sets strings.Builder
		for i, c := range t.columns {
			fmt.Fprintf(&sets, "IF UPDATE(%s) %s", quoteTarget(c.target), count(columnSet(i), "inserted"))
		}
		for _, c := range []string{fixedColumn, keptColumn} {
			fmt.Fprintf(&sets, "IF UPDATE([%s]) %s", c, count(c, "inserted"))
		}
		trigger("UPDATE", sets.String()+count(rowsUpdated, "inserted"))
		trigger("INSERT", count(rowsInserted, "inserted"))
		trigger("DELETE", count(rowsDeleted, "deleted"))
	}
}

// compareCounts compares what the triggers counted with what the model changed.
func (s *site) compareCounts(step string, want map[written]int) {
	s.t.Helper()
	got := map[written]int{}
	s.eachTargetRow("SELECT tab, what, SUM(n) FROM dbo.writes GROUP BY tab, what", 3, func(values []any) {
		got[written{int(values[0].(int64)), values[1].(string)}] = int(values[2].(int64))
	})
	all := maps.Clone(want)
	maps.Copy(all, got)
	order := func(a, b written) int { return cmp.Or(a.table-b.table, strings.Compare(a.what, b.what)) }
	for _, w := range slices.SortedFunc(maps.Keys(all), order) {
		if got[w] != want[w] {
			s.t.Errorf("after %s: table %d, %s: %d, want %d", step, w.table, w.what, got[w], want[w])
		}
	}
}
