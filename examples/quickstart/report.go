package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/examples/internal/estate"
)

// report is what is told of the two sides.
type report struct {
	*screen
	model   *estate.Model
	results []result
}

type result struct {
	table *estate.Table
	side  estate.Side
	estate.Result
}

func (r *report) add(t *estate.Table, s estate.Side, compared estate.Result) {
	r.results = append(r.results, result{t, s, compared})
}

// rowsShown is how many rows of a table are shown.
const rowsShown = 3

// sideBySide shows a few rows that the day touched, as each side has them.
func (r *report) sideBySide(t *estate.Table, read map[estate.Side][]capture.Row) {
	w := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	names := func(s estate.Side) []string {
		var names []string
		for _, c := range t.On(s) {
			if c.Shown {
				names = append(names, c.Field(s).Name)
			}
		}
		return names
	}
	fmt.Fprintf(r.out, "\n   %s, and %s\n", t.Cloud, t.Legacy)
	fmt.Fprintln(w, "   "+strings.Join(slices.Concat(names(estate.Cloud), []string{"│"}, names(estate.Legacy)), "\t"))
	for _, key := range r.model.Touched(t, rowsShown) {
		cloud, legacy := shown(t, estate.Cloud, read[estate.Cloud], key), shown(t, estate.Legacy, read[estate.Legacy], key)
		fmt.Fprintln(w, "   "+strings.Join(slices.Concat(cloud, []string{"│"}, legacy), "\t"))
	}
	w.Flush()
}

// shown returns what is shown of the first row with the key.
func shown(t *estate.Table, s estate.Side, rows []capture.Row, key string) []string {
	var cells []string
	i := slices.IndexFunc(rows, func(r capture.Row) bool { return t.Key(s, r) == key })
	for n, c := range t.On(s) {
		switch {
		case !c.Shown:
		case i < 0:
			cells = append(cells, "(no row)")
		default:
			cells = append(cells, cell(rows[i][n]))
		}
	}
	return cells
}

// cell shows a value in little room. A blank that pads it is shown as a dot.
func cell(v capture.Value) string {
	const width = 23
	text, ok := v.Text()
	if !ok {
		return "NULL"
	}
	bare := strings.TrimRight(text, " ")
	text = bare + strings.Repeat("·", len(text)-len(bare))
	if utf8.RuneCountInString(text) > width {
		text = string([]rune(text)[:width-1]) + "…"
	}
	return text
}

// verdict tells what the comparison found: counts of every table, then the keys
// of the first differences.
func (r *report) verdict() {
	r.printf("\n   %-24s %8s %10s %8s %6s %10s", "rows of", "equal", "different", "missing", "extra", "rewritten")
	for _, res := range r.results {
		r.printf("   %-24s %8d %10d %8d %6d %10d", res.table.Name(res.side),
			res.Equal, res.Different, res.Missing, res.Extra, res.Rewritten)
	}
	for _, res := range r.results {
		for _, d := range res.First {
			r.printf("   %s, %s: %s", res.table.Name(res.side), d.Key, d.What)
		}
	}
	if r.equal() {
		r.printf("\nEvery row of both sides is as it must be.")
	} else {
		r.printf("\nThe two sides are NOT as they must be.")
	}
}

func (r *report) equal() bool {
	return !slices.ContainsFunc(r.results, func(res result) bool { return !res.OK() })
}
