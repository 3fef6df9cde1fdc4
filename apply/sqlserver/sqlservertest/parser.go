package sqlservertest

import (
	"strconv"
	"strings"
)

// parser reads the subset of T-SQL that ast.go describes. What is not in it is a
// panic of type *sqlError.
type parser struct {
	src       string
	tokens    []token
	i         int
	collation string // the database's, which a declaration without one takes
	depth     int    // of what is being read within something else
}

// maxDepth is far above what people write, and far below what the stack holds.
const maxDepth = 1000

// nested reads something that can be within itself.
func nested[T any](p *parser, read func() T) T {
	if p.depth++; p.depth > maxDepth {
		panic(errf(191, 15, "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller queries."))
	}
	x := read()
	p.depth--
	return x
}

// parseBatch reads all statements of a batch.
func parseBatch(src, collation string) (body []*stmt, err error) {
	tokens, err := lex(src)
	if err != nil {
		return nil, err
	}
	p := &parser{src: src, tokens: tokens, collation: collation}
	defer func() {
		if e, ok := err.(*sqlError); ok && e.line == 0 {
			e.line = p.tok().line
		}
	}()
	defer catch(&err)
	for {
		p.semicolons()
		if p.tok().kind == tEnd {
			return body, nil
		}
		body = append(body, p.statement())
	}
}

func (p *parser) tok() token { return p.tokens[p.i] }

func (p *parser) peek(n int) token {
	return p.tokens[min(p.i+n, len(p.tokens)-1)]
}

func (p *parser) advance() token {
	t := p.tokens[p.i]
	if t.kind != tEnd {
		p.i++
	}
	return t
}

func (p *parser) fail() { panic(errSyntax(p.tok().text)) }

func (p *parser) unknown(what string) { panic(errUnknown(what)) }

func (p *parser) semicolons() {
	for p.isOp(";") {
		p.i++
	}
}

func (p *parser) isOp(op string) bool { return p.tok().kind == tOp && p.tok().text == op }

// is says whether the next tokens are these keywords.
func (p *parser) is(words ...string) bool {
	for n, w := range words {
		if t := p.peek(n); t.kind != tIdent || t.up != w {
			return false
		}
	}
	return true
}

func (p *parser) accept(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.i += len(words)
	return true
}

func (p *parser) acceptOp(op string) bool {
	if !p.isOp(op) {
		return false
	}
	p.i++
	return true
}

func (p *parser) expect(words ...string) {
	if !p.accept(words...) {
		p.fail()
	}
}

func (p *parser) expectOp(op string) {
	if !p.acceptOp(op) {
		p.fail()
	}
}

// reserved are the words that are no names without quotes: as many of T-SQL's as
// it takes to know where a clause ends.
var reserved = wordSet(`ADD ALL ALTER AND ANY AS ASC BEGIN BETWEEN BREAK BY CASE CHECK CLOSE CLUSTERED COLLATE COMMIT
	CONSTRAINT CONTINUE CONVERT CREATE CROSS CURRENT DECLARE DEFAULT DELETE DESC DISTINCT DROP ELSE END ESCAPE EXCEPT
	EXEC EXECUTE EXISTS FETCH FOR FOREIGN FROM FULL FUNCTION GOTO GRANT GROUP HAVING HOLDLOCK IDENTITY IF IN INDEX
	INNER INSERT INTERSECT INTO IS JOIN KEY LEFT LIKE MERGE NOCHECK NONCLUSTERED NOT NULL OF ON OPTION OR ORDER
	OUTER OVER PERCENT PRIMARY PRINT PROC PROCEDURE RAISERROR REFERENCES RETURN REVOKE RIGHT ROLLBACK SAVE SCHEMA
	SELECT SET SOME TABLE THEN TO TOP TRAN TRANSACTION TRIGGER TRUNCATE TRY_CONVERT UNION UNIQUE UPDATE USE VALUES
	VIEW WAITFOR WHEN WHERE WHILE WITH`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

func (p *parser) isName() bool {
	t := p.tok()
	return t.kind == tQuoted || t.kind == tIdent && !reserved[t.up]
}

func (p *parser) name() string {
	if !p.isName() {
		p.fail()
	}
	return p.advance().text
}

// dotted reads a name of up to three parts, of which the middle one may be
// empty (db..table).
func (p *parser) dotted() []string {
	parts := []string{p.name()}
	for p.acceptOp(".") {
		if p.isOp(".") {
			parts = append(parts, "")
			continue
		}
		parts = append(parts, p.name())
	}
	return parts
}

func (p *parser) names() []string {
	p.expectOp("(")
	var names []string
	for {
		names = append(names, p.name())
		if !p.acceptOp(",") {
			break
		}
	}
	p.expectOp(")")
	return names
}

func (p *parser) int() int64 {
	sign := int64(1)
	if p.acceptOp("-") {
		sign = -1
	} else {
		p.acceptOp("+")
	}
	if p.tok().kind != tInt {
		p.fail()
	}
	n, err := strconv.ParseInt(p.advance().text, 10, 64)
	if err != nil {
		p.fail()
	}
	return sign * n
}

// dataType reads a type; n is the length of strings that have none.
func (p *parser) dataType(n int) sqlType {
	name := p.name()
	if p.acceptOp(".") { // sys.int
		name = p.name()
	}
	switch strings.ToUpper(name) {
	case "DOUBLE":
		p.expect("PRECISION")
		name = "float"
	case "CHARACTER", "CHAR":
		if p.accept("VARYING") {
			name = "varchar"
		}
	case "NATIONAL":
		p.unknown("NATIONAL CHARACTER")
	}
	var args []int
	if p.acceptOp("(") {
		for {
			if p.accept("MAX") {
				args = append(args, maxLen)
			} else {
				args = append(args, int(p.int()))
			}
			if !p.acceptOp(",") {
				break
			}
		}
		p.expectOp(")")
	}
	t, err := declared(name, args, n)
	if err != nil {
		panic(err)
	}
	if t.isString() {
		t.coll = p.collation
	}
	return t
}

// collationName reads what follows COLLATE.
func (p *parser) collationName() string {
	name := p.name()
	if strings.EqualFold(name, "DATABASE_DEFAULT") {
		return p.collation
	}
	if !knownCollation(name) {
		panic(errf(448, 16, "Invalid collation '%s' (the stand-in has those of Latin1_General only).", name))
	}
	return name
}

// span is the source from a token to the last one that was read.
func (p *parser) span(from token) string {
	return p.src[from.pos:p.tokens[p.i-1].end]
}
