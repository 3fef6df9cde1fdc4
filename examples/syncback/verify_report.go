package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/syncback/syncback/apply/sqlserver"
)

// comparison is what verify prints: a line for each row that differs, as it is
// found, for there may be more of them than memory holds; and in the end a line
// for each table. A row's key is printed because it was asked for, on standard
// output alone. Nothing else that a row holds is.
type comparison struct {
	*session
	listed   int
	unlisted int64
	order    []string
	verdicts map[string]sqlserver.Verdict // the last of each table
	mended   map[string]int64
}

func newComparison(s *session) *comparison {
	return &comparison{session: s, verdicts: map[string]sqlserver.Verdict{}, mended: map[string]int64{}}
}

// difference prints a row that differs.
func (c *comparison) difference(d sqlserver.Difference) error {
	if c.limit >= 0 && c.listed >= c.limit {
		c.unlisted += d.Count
		return nil
	}
	c.listed++
	_, err := fmt.Fprintln(c.stdout, line(d))
	return err
}

func line(d sqlserver.Difference) string {
	var b strings.Builder
	b.WriteString(d.Table + " ")
	if names := d.Key.Names(); names != nil {
		for i, text := range d.Key.Texts() {
			fmt.Fprintf(&b, "%s=%s ", names[i], plain(text))
		}
	} else {
		fmt.Fprintf(&b, "(no key) %d rows ", d.Count)
	}
	b.WriteString(string(d.Kind))
	if len(d.Columns) > 0 {
		b.WriteString(" in " + strings.Join(d.Columns, ", "))
	}
	if d.Key.Names() != nil && d.Count > 1 {
		fmt.Fprintf(&b, ", %d rows", d.Count)
	}
	if d.Mended {
		b.WriteString(": mended")
	}
	if d.Left != "" {
		b.WriteString(": " + d.Left)
	}
	return b.String()
}

// plain quotes a text that would not be read as one word.
func plain(s string) string {
	if quoted := strconv.Quote(s); quoted != `"`+s+`"` || s == "" || strings.ContainsAny(s, " =") {
		return quoted
	}
	return s
}

// add takes in what came of a table, again where it was looked at again.
func (c *comparison) add(v sqlserver.Verdict) {
	if _, again := c.verdicts[v.Table]; !again {
		c.order = append(c.order, v.Table)
	}
	c.verdicts[v.Table] = v
	c.mended[v.Table] += v.Mended
}

// finish prints the tables, and says what is not the same.
func (c *comparison) finish() error {
	if c.unlisted > 0 {
		fmt.Fprintf(c.stdout, "and %d more rows\n", c.unlisted)
	}
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "source rows\ttarget rows\tequal\tdifferent\tmissing\textra\tunsettled\tmended\t  table")
	differing, unsettled := int64(0), int64(0)
	for _, name := range c.order {
		v := c.verdicts[name]
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t  %s\n",
			v.SourceRows, v.TargetRows, v.Equal, v.Different, v.Missing, v.Extra, v.Unsettled, c.mended[name], name)
		differing += v.Different + v.Missing + v.Extra - v.Mended
		unsettled += v.Unsettled
	}
	if err := t.Flush(); err != nil {
		return err
	}
	switch {
	case differing > 0 && c.repair:
		return fmt.Errorf("%d rows still differ; put right what is named with them, and repair again", differing)
	case differing > 0:
		return fmt.Errorf("the two sides differ in %d rows", differing)
	case unsettled > 0:
		return fmt.Errorf("%d rows changed each time they were looked at; verify again when they rest", unsettled)
	}
	return nil
}
