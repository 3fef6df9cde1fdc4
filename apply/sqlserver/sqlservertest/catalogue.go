package sqlservertest

import (
	"strings"
	"sync"
	"sync/atomic"
)

// objectTable and the others are the types that sys.objects has.
const (
	objectTable  = "U"
	objectView   = "V"
	objectSystem = "S"
)

// tableInfo is what is known of a table or a view. It is not changed once it is
// in the catalogue: a definition makes a new one.
type tableInfo struct {
	id           int
	schema, name string
	kind         string
	cols         []*columnInfo
	rules        []*ruleInfo
	indexes      []*indexInfo
	triggers     []*triggerInfo
	view         *query
	text         string // of a view
	nextColumn   int
}

type columnInfo struct {
	id        int
	name      string
	typ       sqlType
	nullable  bool
	identity  *[2]int64 // seed, increment
	period    int       // GENERATED ALWAYS AS ROW START is 1, END 2
	computed  string    // the expression's source
	persisted bool
}

// ruleInfo is a constraint: PK, UQ, FK, CHECK or DEFAULT.
type ruleInfo struct {
	id        int
	name      string
	kind      string
	cols      []string
	desc      []bool
	clustered bool
	ref       *tableInfo // of a foreign key, as it was then
	refCols   []string
	onDelete  string
	onUpdate  string
	text      string
	generated bool // its name is the server's
}

type indexInfo struct {
	id        int
	name      string
	unique    bool
	clustered bool
	cols      []string
	desc      []bool
	include   []string
	filter    string
	rule      *ruleInfo // whose index it is
	ignoreDup bool      // an INSERT leaves out a row whose key is there
	disabled  bool
}

type triggerInfo struct {
	id           int
	schema, name string
	events       []string
	body         []*stmt
	text         string
	disabled     bool
}

func (t *tableInfo) pg() string { return ident(pgSchema(t)) + "." + ident(t.name) }

// pgSchema is where PostgreSQL has the table: the views of the catalogue keep
// out of the way of its own.
func pgSchema(t *tableInfo) string {
	if t.temporary() {
		return "pg_temp"
	}
	if strings.EqualFold(t.schema, "INFORMATION_SCHEMA") {
		return "infosch"
	}
	return t.schema
}

// temporary says that t is one session's own: its schema is that session's.
func (t *tableInfo) temporary() bool { return strings.HasPrefix(t.schema, "#") }

func (t *tableInfo) full() string { return t.schema + "." + t.name }

func (t *tableInfo) column(name string) *columnInfo {
	for _, c := range t.cols {
		if strings.EqualFold(c.name, name) {
			return c
		}
	}
	return nil
}

func (t *tableInfo) identityColumn() *columnInfo {
	for _, c := range t.cols {
		if c.identity != nil {
			return c
		}
	}
	return nil
}

// fires are the triggers that a statement on the table fires, in the order in
// which they were made.
func (t *tableInfo) fires(event string) (list []*triggerInfo) {
	for _, tr := range t.triggers {
		for _, e := range tr.events {
			if e == event && !tr.disabled {
				list = append(list, tr)
			}
		}
	}
	return list
}

func (t *tableInfo) clone() *tableInfo {
	c := *t
	c.cols = append([]*columnInfo(nil), t.cols...)
	c.rules = append([]*ruleInfo(nil), t.rules...)
	c.indexes = append([]*indexInfo(nil), t.indexes...)
	c.triggers = append([]*triggerInfo(nil), t.triggers...)
	return &c
}

// catalogue is what a database holds. All sessions share it; a transaction that
// is rolled back takes its changes out again.
type catalogue struct {
	mu         sync.RWMutex
	tables     map[string]*tableInfo
	schemas    map[string]string // as they are written, by their name in small letters
	procedures map[string]*procedureInfo
	version    atomic.Int64 // changes with every definition
	nextID     atomic.Int64
}

func newCatalogue() *catalogue {
	c := &catalogue{tables: map[string]*tableInfo{}, schemas: map[string]string{}, procedures: map[string]*procedureInfo{}}
	for _, s := range []string{"dbo", "sys", "INFORMATION_SCHEMA"} {
		c.schemas[strings.ToLower(s)] = s
	}
	c.nextID.Store(245575913) // SQL Server starts in this neighbourhood
	return c
}

func (c *catalogue) newID() int { return int(c.nextID.Add(16)) }

func tableKey(schema, name string) string {
	return strings.ToLower(schema) + "." + strings.ToLower(name)
}

// find returns a table by its name; nil where there is none.
func (c *catalogue) find(name []string) *tableInfo {
	schema := "dbo"
	if len(name) > 1 && name[len(name)-2] != "" {
		schema = name[len(name)-2]
	}
	return c.at(schema, name[len(name)-1])
}

func (c *catalogue) at(schema, name string) *tableInfo {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.tables[tableKey(schema, name)]
}

func (c *catalogue) schema(name string) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s, ok := c.schemas[strings.ToLower(name)]
	return s, ok
}

// put sets a table, or with nil takes it out, and returns what undoes that.
func (c *catalogue) put(schema, name string, t *tableInfo) (undo func()) {
	key := tableKey(schema, name)
	c.mu.Lock()
	before := c.tables[key]
	if t == nil {
		delete(c.tables, key)
	} else {
		c.tables[key] = t
	}
	c.mu.Unlock()
	c.version.Add(1)
	return func() { c.put(schema, name, before) }
}

// putSchema adds a schema, or with false takes it out, and returns the undoing.
func (c *catalogue) putSchema(name string, there bool) (undo func()) {
	c.mu.Lock()
	if there {
		c.schemas[strings.ToLower(name)] = name
	} else {
		delete(c.schemas, strings.ToLower(name))
	}
	c.mu.Unlock()
	c.version.Add(1)
	return func() { c.putSchema(name, !there) }
}

// all returns every table.
func (c *catalogue) all() []*tableInfo {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]*tableInfo, 0, len(c.tables))
	for _, t := range c.tables {
		list = append(list, t)
	}
	return list
}

// named finds the constraint or index that PostgreSQL knows by its own name.
func (c *catalogue) named(pgName string) (*tableInfo, *ruleInfo, *indexInfo) {
	for _, t := range c.all() {
		for _, r := range t.rules {
			if r.pg() == pgName {
				return t, r, nil
			}
		}
		for _, x := range t.indexes {
			if x.pg() == pgName {
				return t, nil, x
			}
		}
	}
	return nil, nil, nil
}

// trigger finds a trigger and its table.
func (c *catalogue) trigger(name []string) (*tableInfo, *triggerInfo) {
	last := name[len(name)-1]
	for _, t := range c.all() {
		for _, tr := range t.triggers {
			if strings.EqualFold(tr.name, last) && (len(name) == 1 || strings.EqualFold(tr.schema, name[len(name)-2])) {
				return t, tr
			}
		}
	}
	return nil, nil
}
