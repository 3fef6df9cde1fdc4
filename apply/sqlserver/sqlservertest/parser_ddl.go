package sqlservertest

import "strings"

// definition reads the statements that define things.
func (p *parser) definition() any {
	switch {
	case p.accept("CREATE"):
		return p.create()
	case p.accept("DROP"):
		return p.drop()
	case p.accept("ALTER", "TABLE"):
		return p.alterTable()
	case p.accept("ALTER", "INDEX"):
		return p.alterIndex()
	case p.accept("TRUNCATE", "TABLE"):
		return &truncateStmt{p.dotted()}
	case p.is("ENABLE", "TRIGGER") || p.is("DISABLE", "TRIGGER"):
		s := &alterTableStmt{trigger: p.advance().up}
		p.i++
		s.triggers = p.triggerNames()
		p.expect("ON")
		s.name = p.dotted()
		return s
	}
	if p.tok().kind == tIdent && !reserved[p.tok().up] {
		p.unknown("the statement " + p.tok().text)
	}
	p.fail()
	return nil
}

func (p *parser) triggerNames() []string {
	if p.accept("ALL") {
		return nil
	}
	var names []string
	for {
		parts := p.dotted()
		names = append(names, parts[len(parts)-1])
		if !p.acceptOp(",") {
			return names
		}
	}
}

func (p *parser) create() any {
	switch {
	case p.accept("SCHEMA"):
		s := &createSchemaStmt{p.name()}
		if p.accept("AUTHORIZATION") {
			p.name()
		}
		return s
	case p.accept("TABLE"):
		return p.createTable()
	case p.accept("TRIGGER"):
		return p.createTrigger()
	case p.accept("PROCEDURE") || p.accept("PROC"):
		return p.createProcedure()
	case p.is("VIEW"):
		from := p.peek(-1)
		p.i++
		s := &createViewStmt{name: p.dotted()}
		p.expect("AS")
		s.q = p.query()
		s.text = p.span(from)
		return s
	}
	s := &createIndexStmt{unique: p.accept("UNIQUE"), clustered: p.accept("CLUSTERED")}
	p.accept("NONCLUSTERED")
	if !p.accept("INDEX") {
		p.unknown("CREATE " + p.tok().text)
	}
	return p.createIndex(s)
}

func (p *parser) createIndex(s *createIndexStmt) any {
	s.name = p.name()
	p.expect("ON")
	s.table = p.dotted()
	s.cols, s.desc = p.keyColumns()
	if p.accept("INCLUDE") {
		s.include = p.names()
	}
	if p.accept("WHERE") {
		from := p.tok()
		s.where = p.expr()
		s.whereText = p.span(from)
	}
	if p.accept("WITH") {
		from := p.i
		p.skipBrackets()
		s.ignoreDup = p.option(from, "IGNORE_DUP_KEY")
	}
	p.filegroup()
	return s
}

// option says whether the brackets that were skipped since have name = ON.
func (p *parser) option(since int, name string) bool {
	for i := since; i+2 < p.i; i++ {
		if p.tokens[i].up == name {
			return p.tokens[i+2].up == "ON"
		}
	}
	return false
}

func (p *parser) alterIndex() any {
	s := &disableIndexStmt{name: p.name()}
	p.expect("ON")
	s.table = p.dotted()
	if !p.accept("DISABLE") {
		p.unknown("ALTER INDEX ... " + p.tok().text)
	}
	return s
}

// filegroup skips ON [PRIMARY]: the stand-in has one place for everything.
func (p *parser) filegroup() {
	for p.is("ON") || p.is("TEXTIMAGE_ON") {
		p.i++
		if !p.accept("PRIMARY") {
			p.name()
		}
	}
}

// keyColumns reads (a, b DESC).
func (p *parser) keyColumns() (cols []string, desc []bool) {
	p.expectOp("(")
	for {
		cols = append(cols, p.name())
		down := p.accept("DESC")
		if !down {
			p.accept("ASC")
		}
		desc = append(desc, down)
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
	return cols, desc
}

func (p *parser) createTable() any {
	s := &createTableStmt{name: p.dotted()}
	p.expectOp("(")
	for !p.isOp(")") {
		if rule := p.tableConstraint(); rule != nil {
			s.rules = append(s.rules, rule)
		} else if p.accept("PERIOD", "FOR", "SYSTEM_TIME") {
			p.names() // the columns say it, too
		} else {
			s.cols = append(s.cols, p.columnDef())
		}
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
	if p.accept("WITH") {
		p.skipBrackets()
	}
	p.filegroup()
	return s
}

func (p *parser) columnDef() *columnDef {
	c := &columnDef{name: p.name(), null: true}
	if p.accept("AS") {
		from := p.tok()
		c.computed = p.expr()
		c.text = p.span(from)
		c.persisted = p.accept("PERSISTED")
		if p.accept("NOT", "NULL") {
			c.null, c.nullGiven = false, true
		}
		return c
	}
	if p.is("TIMESTAMP") && (p.peek(1).text == "," || p.peek(1).text == ")") {
		c.name = "timestamp" // a column without a name
	} else {
		c.typ = p.columnType()
	}
	for p.columnOption(c) {
	}
	return c
}

func (p *parser) columnType() sqlType {
	if p.is("SQL_VARIANT") {
		p.unknown("the type sql_variant")
	}
	return p.dataType(1)
}

func (p *parser) columnOption(c *columnDef) bool {
	switch {
	case p.accept("NOT", "NULL"):
		c.null, c.nullGiven = false, true
	case p.accept("NULL"):
		c.null, c.nullGiven = true, true
	case p.accept("COLLATE"):
		c.typ.coll = p.collationName()
	case p.accept("IDENTITY"):
		c.identity, c.null = &[2]int64{1, 1}, false
		if p.acceptOp("(") {
			c.identity[0] = p.int()
			p.expectOp(",")
			c.identity[1] = p.int()
			p.expectOp(")")
		}
		if p.accept("NOT", "FOR") {
			p.expect("REPLICATION")
		}
	case p.accept("GENERATED", "ALWAYS", "AS", "ROW"):
		c.period, c.null = 1, false
		if !p.accept("START") {
			p.expect("END")
			c.period = 2
		}
		p.accept("HIDDEN")
	case p.accept("ROWGUIDCOL"), p.accept("SPARSE"):
	default:
		rule := p.constraint(c)
		if rule == nil {
			return false
		}
		c.rules = append(c.rules, rule)
	}
	return true
}

func (p *parser) tableConstraint() *constraintDef {
	if p.is("CONSTRAINT") || p.is("PRIMARY", "KEY") || p.is("UNIQUE") || p.is("FOREIGN", "KEY") || p.is("CHECK") {
		return p.constraint(nil)
	}
	if p.is("INDEX") {
		p.unknown("INDEX within CREATE TABLE")
	}
	return nil
}

// constraint reads one, of column c or, where that is nil, of the table; nil
// where there is none.
func (p *parser) constraint(c *columnDef) *constraintDef {
	k := &constraintDef{}
	named := p.accept("CONSTRAINT")
	if named {
		k.name = p.name()
	}
	if c != nil {
		k.cols, k.desc = []string{c.name}, []bool{false}
	}
	switch {
	case p.accept("PRIMARY", "KEY"):
		k.kind = "PK"
		p.keyConstraint(k, c)
	case p.accept("UNIQUE"):
		k.kind = "UQ"
		p.keyConstraint(k, c)
	case p.accept("FOREIGN", "KEY"):
		if c == nil || p.isOp("(") {
			k.cols = p.names()
		}
		p.expect("REFERENCES")
		p.references(k)
	case p.accept("REFERENCES"):
		p.references(k)
	case p.accept("CHECK"):
		k.kind = "CHECK"
		if p.accept("NOT", "FOR") {
			p.expect("REPLICATION")
		}
		from := p.tok()
		p.expectOp("(")
		k.x = p.expr()
		p.expectOp(")")
		k.text = p.span(from)
	case p.accept("DEFAULT"):
		k.kind = "DEFAULT"
		from := p.tok()
		k.x = p.unary()
		k.text = "(" + p.span(from) + ")"
		if c == nil {
			p.expect("FOR")
			k.cols = []string{p.name()}
		}
	default:
		if named {
			p.fail()
		}
		return nil
	}
	return k
}

func (p *parser) keyConstraint(k *constraintDef, c *columnDef) {
	if p.is("CLUSTERED") || p.is("NONCLUSTERED") {
		clustered := p.advance().up == "CLUSTERED"
		k.clustered = &clustered
	}
	if c == nil || p.isOp("(") {
		k.cols, k.desc = p.keyColumns()
	}
	if p.is("WITH") && p.peek(1).text == "(" {
		p.i++
		p.skipBrackets()
	}
	p.filegroup()
}

func (p *parser) references(k *constraintDef) {
	k.kind = "FK"
	k.refTable = p.dotted()
	if p.isOp("(") {
		k.refCols = p.names()
	}
	for p.is("ON", "DELETE") || p.is("ON", "UPDATE") {
		what := p.peek(1).up
		p.i += 2
		action := ""
		for _, a := range [][]string{{"NO", "ACTION"}, {"CASCADE"}, {"SET", "NULL"}, {"SET", "DEFAULT"}} {
			if p.accept(a...) {
				action = strings.Join(a, " ")
				break
			}
		}
		switch {
		case action == "":
			p.fail()
		case what == "DELETE":
			k.onDelete = action
		default:
			k.onUpdate = action
		}
	}
	if p.accept("NOT", "FOR") {
		p.expect("REPLICATION")
	}
}

func (p *parser) drop() any {
	s := &dropStmt{what: p.advance().up}
	switch s.what {
	case "TABLE", "SCHEMA", "TRIGGER", "VIEW", "INDEX", "PROCEDURE":
	default:
		p.unknown("DROP " + s.what)
	}
	s.ifExists = p.accept("IF", "EXISTS")
	for {
		s.names = append(s.names, p.dotted())
		if !p.acceptOp(",") {
			break
		}
	}
	if s.what == "INDEX" {
		p.expect("ON")
		s.on = p.dotted()
	}
	return s
}

func (p *parser) alterTable() any {
	s := &alterTableStmt{name: p.dotted()}
	if p.accept("WITH") {
		s.noCheck = p.accept("NOCHECK")
		p.accept("CHECK")
	}
	switch {
	case p.accept("ADD"):
		for {
			if rule := p.addedConstraint(); rule != nil {
				s.addRules = append(s.addRules, rule)
			} else {
				s.addCols = append(s.addCols, p.columnDef())
			}
			if !p.acceptOp(",") {
				return s
			}
		}
	case p.accept("DROP"):
		p.alterDrop(s)
	case p.accept("ALTER", "COLUMN"):
		s.alterCol = p.columnDef()
	case p.is("ENABLE", "TRIGGER") || p.is("DISABLE", "TRIGGER"):
		s.trigger = p.advance().up
		p.i++
		s.triggers = p.triggerNames()
	default:
		p.unknown("ALTER TABLE ... " + p.tok().text)
	}
	return s
}

// addedConstraint is a table's, or a DEFAULT ... FOR a column.
func (p *parser) addedConstraint() *constraintDef {
	if p.is("DEFAULT") {
		return p.constraint(nil)
	}
	return p.tableConstraint()
}

func (p *parser) alterDrop(s *alterTableStmt) {
	column := p.accept("COLUMN")
	if !column {
		p.accept("CONSTRAINT")
	}
	s.ifExists = p.accept("IF", "EXISTS")
	for {
		if column {
			s.dropCols = append(s.dropCols, p.name())
		} else {
			s.dropRules = append(s.dropRules, p.name())
		}
		if !p.acceptOp(",") {
			return
		}
	}
}

func (p *parser) createTrigger() any {
	from := p.peek(-2)
	s := &createTriggerStmt{name: p.dotted()}
	p.expect("ON")
	s.table = p.dotted()
	if p.is("INSTEAD") {
		p.unknown("INSTEAD OF triggers")
	}
	if p.accept("WITH") {
		p.unknown("WITH of a trigger")
	}
	if !p.accept("AFTER") {
		p.expect("FOR")
	}
	for {
		switch event := p.advance().up; event {
		case "INSERT", "UPDATE", "DELETE":
			s.events = append(s.events, event)
		default:
			p.unknown("a trigger for " + event)
		}
		if !p.acceptOp(",") {
			break
		}
	}
	p.expect("AS")
	for p.semicolons(); p.tok().kind != tEnd; p.semicolons() {
		s.body = append(s.body, p.statement())
	}
	s.text = p.span(from)
	return s
}
