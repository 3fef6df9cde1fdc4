package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// name is a table's name.
type name struct{ schema, table string }

// String returns the name as capture.Table has it.
func (n name) String() string { return n.schema + "." + n.table }

// sql returns the name as a statement has it.
func (n name) sql() string { return pgx.Identifier{n.schema, n.table}.Sanitize() }

// parseName reads schema.name. A part in double quotes is read as SQL reads it;
// another is taken as it stands.
func parseName(s string) (name, error) {
	schema, rest, ok := cutPart(s)
	if !ok || !strings.HasPrefix(rest, ".") {
		return name{}, fmt.Errorf("table %q: a table is named as schema.name", s)
	}
	table, rest, ok := cutPart(rest[1:])
	if !ok || rest != "" {
		return name{}, fmt.Errorf("table %q: a table is named as schema.name; a part that has a dot or a double quote goes in double quotes", s)
	}
	return name{schema, table}, nil
}

// cutPart cuts one part off the front of s. An empty part is not ok.
func cutPart(s string) (part, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		if i := strings.IndexByte(s, '.'); i >= 0 {
			s, rest = s[:i], s[i:]
		}
		return s, rest, s != "" && !strings.Contains(s, `"`)
	}
	var b strings.Builder
	for rest = s[1:]; ; {
		text, after, found := strings.Cut(rest, `"`)
		b.WriteString(text)
		if !found {
			return "", "", false
		}
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, b.Len() > 0
		}
		b.WriteByte('"') // two quotes are one
		rest = after[1:]
	}
}

// tableNames are the tables of a Config, by name.
type tableNames struct {
	order   []name
	keyOnly map[name]bool // every table, and whether it may have less than a full identity
}

func parseTables(tables, keyOnly []string) (tableNames, error) {
	t := tableNames{keyOnly: make(map[name]bool)}
	for _, s := range tables {
		n, err := parseName(s)
		if err != nil {
			return t, err
		}
		if t.has(n) {
			return t, fmt.Errorf("table %s is named twice", n)
		}
		t.keyOnly[n] = false
		t.order = append(t.order, n)
	}
	for _, s := range keyOnly {
		n, err := parseName(s)
		if err != nil {
			return t, err
		}
		if !t.has(n) {
			return t, fmt.Errorf("table %s is key-only, but not one of the tables to capture", n)
		}
		t.keyOnly[n] = true
	}
	return t, nil
}

func (t tableNames) has(n name) bool {
	_, ok := t.keyOnly[n]
	return ok
}
