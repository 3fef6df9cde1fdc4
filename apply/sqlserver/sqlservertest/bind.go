package sqlservertest

import (
	"fmt"
	"strings"
)

// binder translates the statements of one batch to PostgreSQL's SQL. It knows
// the type of every expression, since SQL Server's conversions hang on it. What
// cannot be translated is a panic of type *sqlError.
type binder struct {
	cat       *catalogue
	collation string             // the database's
	vars      map[string]sqlType // of the batch
	trigger   *triggerScope      // whose body the statement is in; nil outside
	session   bindSession
	own       string // the schema that the session's temporary tables would have

	scope  *scope
	params []string // the variables that the statement reads: $1 and so on
}

// bindSession is what of a session's state goes into a translation.
type bindSession struct {
	dateFormat     string
	identityInsert int    // the object with IDENTITY_INSERT ON; 0 is none
	temporary      string // the schema of its temporary tables; "" while it has none
}

// val is a translated expression.
type val struct {
	sql      string
	typ      sqlType
	bare     bool // a column as it is: PostgreSQL compares it by its own collation
	explicit bool // COLLATE was given
	implicit bool // its collation is a column's
	lit      *literal
	col      *columnInfo // what it is a plain reference to
	nullable bool
}

func (b *binder) fail(err *sqlError) { panic(err) }

// scope is what names mean within a query.
type scope struct {
	outer   *scope
	sources []*source
	ctes    map[string]*source
	locked  []string // the aliases whose rows are to be locked
}

// source is a table or a derived one under its alias.
type source struct {
	alias string
	name  []string // as it was written, where there is no alias
	cols  []boundColumn
	table *tableInfo // nil for a derived one
	from  string     // what FROM says of it
	shown string     // the name that the statement has for it, where it is not the alias
}

type boundColumn struct {
	name     string
	pg       string // quoted
	typ      sqlType
	info     *columnInfo // of a table's column
	nullable bool
}

func (b *binder) push() { b.scope = &scope{outer: b.scope} }
func (b *binder) pop()  { b.scope = b.scope.outer }

func (b *binder) cte(name string) *source {
	for s := b.scope; s != nil; s = s.outer {
		if src := s.ctes[strings.ToLower(name)]; src != nil {
			return src
		}
	}
	return nil
}

// ident quotes a name for PostgreSQL, which keeps 63 bytes of it: a longer one
// is cut, and keeps apart by what was cut off.
func ident(name string) string {
	if len(name) > 63 {
		var sum uint32
		for _, c := range []byte(name) {
			sum = sum*31 + uint32(c)
		}
		cut := 50
		for cut > 0 && name[cut]&0xc0 == 0x80 {
			cut--
		}
		name = fmt.Sprintf("%s~%08x", name[:cut], sum)
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// param refers to a variable, or to what the session knows under a name with @@.
func (b *binder) param(name string, t sqlType) val {
	n := -1
	for i, p := range b.params {
		if p == name {
			n = i
		}
	}
	if n < 0 {
		n = len(b.params)
		b.params = append(b.params, name)
	}
	return val{sql: fmt.Sprintf("$%d::%s", n+1, t.pg()), typ: t, nullable: true}
}

func (b *binder) variable(name string) val {
	if strings.HasPrefix(name, "@@") {
		return b.globalVariable(name)
	}
	t, ok := b.vars[name]
	if !ok {
		b.fail(errf(137, 15, "Must declare the scalar variable \"%s\".", name))
	}
	return b.param(name, t)
}

func (b *binder) globalVariable(name string) val {
	switch name {
	case "@@rowcount", "@@trancount", "@@error", "@@spid", "@@lock_timeout":
		return b.param(name, simple(kInt))
	case "@@identity":
		return b.param(name, decimalType(38, 0))
	case "@@servername":
		return b.text(serverName)
	case "@@version":
		return b.text("Microsoft SQL Server 2019 (RTM) - 15.0.2000.5 (a stand-in for tests)")
	case "@@dbts":
		return val{sql: "tsql.dbts()", typ: simple(kRowversion)}
	case "@@max_precision":
		return val{sql: "38", typ: simple(kInt)}
	}
	b.fail(errUnknown(name))
	return val{}
}

// text is a constant of type nvarchar.
func (b *binder) text(s string) val {
	t := nvarchar(max(1, utf16Len(s)))
	t.coll = b.collation
	return b.literal(&literal{t, s})
}

func (b *binder) literal(l *literal) val {
	v := val{typ: l.typ, lit: l}
	switch l.typ.family() {
	case fString:
		v.sql = quote(l.text) + "::bpchar"
	case fBinary:
		v.sql = quote(l.text) + "::bytea"
	default:
		v.sql = l.text + "::" + l.typ.pg()
		if strings.HasPrefix(l.text, "-") {
			v.sql = "(" + l.text + ")::" + l.typ.pg()
		}
	}
	return v
}

// column finds what a name refers to: the innermost scope that has it.
func (b *binder) column(parts []string) val {
	name := parts[len(parts)-1]
	qualifier := parts[:len(parts)-1]
	for s := b.scope; s != nil; s = s.outer {
		var found *boundColumn
		var of *source
		for _, src := range s.sources {
			if len(qualifier) > 0 && !src.answersTo(qualifier) {
				continue
			}
			for i := range src.cols {
				if !strings.EqualFold(src.cols[i].name, name) {
					continue
				}
				if found != nil {
					b.fail(errf(209, 16, "Ambiguous column name '%s'.", name))
				}
				found, of = &src.cols[i], src
			}
		}
		if found != nil {
			return found.val(of)
		}
	}
	if len(qualifier) > 0 && !b.knows(qualifier) {
		b.fail(errf(4104, 16, "The multi-part identifier \"%s\" could not be bound.", strings.Join(parts, ".")))
	}
	b.fail(errColumn(name))
	return val{}
}

func (b *binder) knows(qualifier []string) bool {
	for s := b.scope; s != nil; s = s.outer {
		for _, src := range s.sources {
			if src.answersTo(qualifier) {
				return true
			}
		}
	}
	return false
}

func (c *boundColumn) val(of *source) val {
	return val{
		sql: of.prefix() + c.pg, typ: c.typ, bare: true, implicit: c.typ.isString(),
		col: c.info, nullable: c.nullable,
	}
}

// answersTo says whether the qualifier of a column names the source.
func (s *source) answersTo(qualifier []string) bool {
	last := qualifier[len(qualifier)-1]
	if s.shown != "" {
		return strings.EqualFold(s.shown, last)
	}
	if len(qualifier) == 1 || s.table == nil {
		return strings.EqualFold(s.alias, last)
	}
	schema := qualifier[len(qualifier)-2]
	return s.name != nil && strings.EqualFold(s.table.name, last) &&
		(schema == "" || strings.EqualFold(s.table.schema, schema))
}

// prefix is what PostgreSQL needs before a column's name; nothing within the
// definition of its own table.
func (s *source) prefix() string {
	if s.alias == "" {
		return ""
	}
	return ident(s.alias) + "."
}
