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

// report is what was found on both sides.
type report struct {
	model *estate.Model
	sides []side // of each table the cloud's, then the legacy system's
}

// side is one table on one side.
type side struct {
	table  *estate.Table
	side   estate.Side
	rows   []capture.Row
	result estate.Result
}

// rowsShown is how many rows of a table are shown.
const rowsShown = 3

func (r *report) print(out *screen) {
	out.printf("\nA few rows of both sides; a dot is a blank that fills a column up:")
	for pair := range slices.Chunk(r.sides, 2) {
		r.sideBySide(out, pair[0], pair[1])
	}
	r.counts(out)
	if r.equal() {
		out.printf("\nEvery row of both sides is as it must be.")
	} else {
		out.printf("\nThe two sides are NOT as they must be.")
	}
}

// sideBySide shows a few rows that the day touched, as each side has them.
func (r *report) sideBySide(out *screen, cloud, legacy side) {
	out.printf("\n   %s, and %s", cloud.table.Cloud, legacy.table.Legacy)
	w := tabwriter.NewWriter(out.out, 0, 0, 2, ' ', 0)
	line := func(cloud, legacy []string) {
		fmt.Fprintln(w, "   "+strings.Join(slices.Concat(cloud, []string{"│"}, legacy), "\t"))
	}
	line(cloud.names(), legacy.names())
	for _, key := range r.model.Touched(cloud.table, rowsShown) {
		line(cloud.cells(key), legacy.cells(key))
	}
	w.Flush()
}

// names are those of the columns that are shown.
func (s side) names() []string {
	var names []string
	for _, c := range s.table.On(s.side) {
		if c.Shown {
			names = append(names, c.Field(s.side).Name)
		}
	}
	return names
}

// cells are what is shown of the first row with the key.
func (s side) cells(key string) []string {
	var cells []string
	i := slices.IndexFunc(s.rows, func(r capture.Row) bool { return s.table.Key(s.side, r) == key })
	for n, c := range s.table.On(s.side) {
		switch {
		case !c.Shown:
		case i < 0:
			cells = append(cells, "(no row)")
		default:
			cells = append(cells, cell(s.rows[i][n]))
		}
	}
	return cells
}

// cell shows a value in little room. A blank that pads it is shown as a dot.
func cell(v capture.Value) string {
	const width = 26
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

// counts tells how many rows of each table are as they must be, and the keys of
// the first that are not.
func (r *report) counts(out *screen) {
	out.printf("\n   %-24s %8s %10s %8s %6s %10s", "rows of", "equal", "different", "missing", "extra", "rewritten")
	for _, s := range r.sides {
		c := s.result
		out.printf("   %-24s %8d %10d %8d %6d %10d", s.table.Name(s.side), c.Equal, c.Different, c.Missing, c.Extra, c.Rewritten)
	}
	for _, s := range r.sides {
		for _, d := range s.result.First {
			out.printf("   %s, %s: %s", s.table.Name(s.side), d.Key, d.What)
		}
	}
}

func (r *report) equal() bool {
	return !slices.ContainsFunc(r.sides, func(s side) bool { return !s.result.OK() })
}
