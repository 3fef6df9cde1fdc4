package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
)

// ledgerRow is a row as the ledger has it: values by the target's columns, nil
// for NULL.
type ledgerRow map[string]*string

// read reads a row from JSON; "" is no row.
func (r *ledgerRow) read(text string) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), r)
}

// cell prints a column of the row.
func (r ledgerRow) cell(column string) string {
	v, ok := r[column]
	switch {
	case !ok:
		return "."
	case v == nil:
		return "NULL"
	default:
		return strconv.Quote(*v)
	}
}

// columnsOf returns the columns that any of the rows has, in the order of their
// names.
func columnsOf(rows []ledgerRow) []string {
	all := map[string]bool{}
	for _, r := range rows {
		for column := range r {
			all[column] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
