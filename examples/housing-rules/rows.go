package main

import (
	"context"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// value returns a change's value of a column, without the blanks at its end.
func value(c capture.Change, r capture.Row, name string) string {
	for i, column := range c.Table.Columns {
		if strings.EqualFold(column.Name, name) && r != nil {
			text, _ := r[i].Text()
			return strings.TrimRight(text, " ")
		}
	}
	return ""
}

// premises is the target with what one call makes of it: the further changes are
// written behind the call, and one of them may build on another.
type premises struct {
	target resolve.Target
	made   []capture.Change
}

// insert makes a row: columns and values by turns. What it returns may be added
// to until the next one is made.
func (p *premises) insert(table string, fields ...string) *capture.Change {
	c := capture.Change{Op: capture.Insert, Table: &capture.Table{Schema: "dbo", Name: table}}
	for i := 0; i < len(fields); i += 2 {
		c.Table.Columns = append(c.Table.Columns, capture.Column{Name: fields[i], Modifier: -1})
		c.After = append(c.After, capture.Text(fields[i+1]))
	}
	p.made = append(p.made, c)
	return &p.made[len(p.made)-1]
}

// set sets a column of the row with that key, which was read as was: where someone
// else has set it since, the rules are asked again.
func (p *premises) set(table, key, is, column, was, value string) {
	c := p.insert(table, key, is, column, value)
	c.Op = capture.Update
	c.Table.Columns[0].Key = true
	c.Before = capture.Row{c.After[0], capture.Text(was)}
}

func where(column, is string) []resolve.Argument {
	return []resolve.Argument{{Name: column, Value: capture.Text(is)}}
}

// most is how many rows a target returns at most.
const most = 1000

// all reads rows, each as its texts without the blanks at the end.
func (p *premises) all(ctx context.Context, table string, where []resolve.Argument, columns ...string) ([]map[string]string, error) {
	result, err := p.target.Rows(ctx, resolve.Query{Table: table, Columns: columns, Where: where})
	if err != nil {
		return nil, err
	}
	if len(result.Rows) == most {
		return nil, fmt.Errorf("%s may have more rows than the %d that can be read", table, most)
	}
	var out []map[string]string
	for _, row := range result.Rows {
		texts := map[string]string{}
		for i, column := range columns {
			text, _ := row[i].Text()
			texts[column] = strings.TrimRight(text, " ")
		}
		out = append(out, texts)
	}
	for _, c := range p.made {
		if c.Table.String() != table || !of(c, where) {
			continue
		}
		if c.Op == capture.Insert {
			out = append(out, map[string]string{})
		}
		overlay(c, out, columns)
	}
	return out, nil
}

// of reports whether a change that was made is of the rows that are asked for.
func of(c capture.Change, where []resolve.Argument) bool {
	for _, w := range where {
		text, _ := w.Value.Text()
		if value(c, c.After, w.Name) != strings.TrimRight(text, " ") {
			return false
		}
	}
	return true
}

// overlay puts a change's values into the last row that was read, which is the
// one that was inserted, or the one that is found by its key.
func overlay(c capture.Change, rows []map[string]string, columns []string) {
	if len(rows) == 0 {
		return
	}
	for _, column := range c.Table.Columns {
		for _, asked := range columns {
			if strings.EqualFold(asked, column.Name) {
				rows[len(rows)-1][asked] = value(c, c.After, asked)
			}
		}
	}
}

// one reads the one row that has that key.
func (p *premises) one(ctx context.Context, table, key, is string, columns ...string) (map[string]string, error) {
	rows, err := p.all(ctx, table, where(key, is), columns...)
	if err != nil {
		return nil, err
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("%s has %d rows with the %s that is referred to", table, len(rows), key)
	}
	return rows[0], nil
}

// number reads a number of a counter; none is 0.
func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("a number on premises is none")
	}
	return n, nil
}

// sum adds two amounts of money.
func sum(a, b string) (string, error) {
	x, ok1 := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	if !ok1 || !ok2 {
		return "", fmt.Errorf("a balance or an amount is no number")
	}
	return x.Add(x, y).FloatString(2), nil
}
