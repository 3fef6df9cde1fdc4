package sqlserver

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// mapping is a Config's Table, matched with the target's catalogue. What the
// source's columns are is known only once a change arrives: see plan.
type mapping struct {
	config Table
	source name
	target *targetTable
	plan   *plan // for the source table's shape that was met last
	// references are the rows of other mapped tables that a row refers to.
	references []reference
	lock       *recordLock // nil is none
}

// matchTables matches every configured table. It returns the mappings by their
// source names, and what is wrong with the others.
func matchTables(tables []Table, cat catalogue) (map[name]*mapping, []error) {
	mappings := map[name]*mapping{}
	targets := map[name]name{}
	var wrong []error
	for _, config := range tables {
		m, err := match(config, cat)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		if mappings[m.source] != nil {
			wrong = append(wrong, mappedTwice(m.source))
			continue
		}
		if other, ok := targets[m.target.name]; ok {
			wrong = append(wrong, takenTwice(m.target.name, other, m.source))
			continue
		}
		mappings[m.source], targets[m.target.name] = m, m.source
	}
	for _, m := range mappings {
		if err := m.findReferences(mappings); err != nil {
			wrong = append(wrong, err)
		}
	}
	return mappings, wrong
}

func match(config Table, cat catalogue) (*mapping, error) {
	source, err := parseSource(config.Source)
	if err != nil {
		return nil, err
	}
	target, err := parseTarget(config.Target)
	if err != nil {
		return nil, err
	}
	t := cat.find(target)
	if t == nil {
		return nil, fmt.Errorf("target table %s %s", target, cat.lacks(target))
	}
	if t.history {
		return nil, fmt.Errorf("target table %s is the history of a temporal table, which the server alone writes; map the temporal table", t.name)
	}
	m := &mapping{config: config, source: source, target: t}
	if err := m.checkNames(); err != nil {
		return nil, err
	}
	return m, m.findLock(cat)
}

// checkNames reports the first name of a target column in the configuration
// that the target lacks.
func (m *mapping) checkNames() error {
	check := func(where, column string) error {
		if m.target.column(column) == nil {
			return fmt.Errorf("%s: %s names column %q, which %s; correct the name", m.target.name, where, column, m.target.lacks(column, "the target table"))
		}
		return nil
	}
	for _, k := range m.config.Key {
		if err := check("key", k); err != nil {
			return err
		}
	}
	for _, e := range m.config.Exclude {
		if err := check("exclude", e); err != nil {
			return err
		}
	}
	for from, c := range m.config.Columns {
		if c.To == "" || c.Skip {
			continue
		}
		if err := check("columns, "+from, c.To); err != nil {
			return err
		}
	}
	if namer, ok := m.config.Conflict.(resolve.ColumnNamer); ok {
		for _, column := range namer.Columns() {
			if err := check("conflict", column); err != nil {
				return err
			}
		}
	}
	for _, s := range m.config.Secret {
		if err := check("secret", s); err != nil {
			return err
		}
	}
	return m.checkFixed(check)
}

func (m *mapping) checkFixed(check func(where, column string) error) error {
	seen := map[*targetColumn]bool{}
	for f := range m.config.Fixed {
		if err := check("fixed", f); err != nil {
			return err
		}
		c := m.target.column(f)
		if c.generated() || c.identity {
			return fmt.Errorf("%s: fixed names column %q, whose value the target gives; leave it out", m.target.name, f)
		}
		if seen[c] {
			return fmt.Errorf("%s: fixed names column %q twice; keep one", m.target.name, c.name)
		}
		seen[c] = true
	}
	return nil
}

// rule names what is asked about a conflict, empty where nothing is.
func (m *mapping) rule() string {
	if m.config.Conflict == nil {
		return ""
	}
	return cmp.Or(m.config.Rule, "conflict")
}

// excluded reports whether a target column is left alone by configuration.
func (m *mapping) excluded(c *targetColumn) bool {
	return slices.ContainsFunc(m.config.Exclude, func(e string) bool { return m.target.column(e) == c })
}

// fixed returns the configured literal for a target column.
func (m *mapping) fixed(c *targetColumn) (string, bool) {
	for f, text := range m.config.Fixed {
		if m.target.column(f) == c {
			return text, true
		}
	}
	return "", false
}

// planFor returns the plan for the table's shape as of a change. A transaction
// that was queued brings its own *capture.Table, so the shapes are compared, not
// the pointers alone.
func (m *mapping) planFor(t *capture.Table, opt planOptions) (*plan, error) {
	if m.plan != nil && (m.plan.source == t || sameShape(m.plan.source, t)) {
		m.plan.source = t
		return m.plan, nil
	}
	p, wrong := newPlan(m, t, opt)
	if len(wrong) > 0 {
		return nil, wrong[0]
	}
	m.plan = p
	return p, nil
}

func sameShape(a, b *capture.Table) bool {
	return a.Identity == b.Identity && slices.Equal(a.Columns, b.Columns)
}
