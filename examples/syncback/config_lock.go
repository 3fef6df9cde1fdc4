package main

import (
	"github.com/goccy/go-yaml/ast"

	"github.com/syncback/syncback/apply/sqlserver"
)

// lock reads how the target's own application marks a record that someone has
// open.
func (l *layout) lock(t *sqlserver.Table) reader {
	return func(n ast.Node) error {
		t.Lock = &sqlserver.RecordLock{}
		err := l.mapping(keys{
			"table":  l.text(&t.Lock.Table),
			"on":     l.byColumn(&t.Lock.On),
			"where":  l.byColumn(&t.Lock.Where),
			"holder": l.text(&t.Lock.Holder),
		})(n)
		if t.Lock.Table != "" {
			t.Lock.Table = qualify(t.Lock.Table, "dbo", '[', ']')
		}
		return err
	}
}

// byColumn reads a text for each of some columns.
func (l *layout) byColumn(to *map[string]string) reader {
	return func(n ast.Node) error {
		*to = map[string]string{}
		return l.entries(n, func(column string, n ast.Node) error {
			text, err := l.scalar(n)
			(*to)[column] = text
			return err
		})
	}
}
