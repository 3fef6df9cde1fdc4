package sqlservertest

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tEnd     tokenKind = iota
	tIdent             // a name without quotes, or a keyword
	tQuoted            // [a name], "a name"
	tVar               // @x, @@x
	tString            // 'text'
	tNString           // N'text'
	tInt               // digits only
	tDecimal
	tFloat
	tMoney
	tHex
	tOp
)

// token is one of T-SQL's. Keywords are names: where they are special is the
// parser's matter.
type token struct {
	kind tokenKind
	text string // without quotes, and with what they double undone
	up   string // a name without quotes in capitals
	pos  int    // of its first byte
	end  int
	line int
}

// lexer splits a batch into tokens; errors are panics of type *sqlError.
type lexer struct {
	src  string
	pos  int
	line int
}

// lex splits src; the last token is the end.
func lex(src string) (tokens []token, err error) {
	defer catch(&err)
	l := &lexer{src: src, line: 1}
	for {
		t := l.next()
		tokens = append(tokens, t)
		if t.kind == tEnd {
			return tokens, nil
		}
	}
}

func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.src) {
		return l.src[l.pos+i]
	}
	return 0
}

// space skips blanks and comments; those of /* */ nest.
func (l *lexer) space() {
	depth := 0
	for l.pos < len(l.src) {
		c := l.at(0)
		switch {
		case c == '\n':
			l.line++
			l.pos++
		case c == '/' && l.at(1) == '*':
			depth++
			l.pos += 2
		case depth > 0 && c == '*' && l.at(1) == '/':
			depth--
			l.pos += 2
		case depth > 0 || c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "\u00a0") || strings.HasPrefix(l.src[l.pos:], "\ufeff"):
			_, n := utf8.DecodeRuneInString(l.src[l.pos:])
			l.pos += n
		case c == '-' && l.at(1) == '-':
			for l.pos < len(l.src) && l.at(0) != '\n' {
				l.pos++
			}
		default:
			return
		}
	}
	if depth > 0 {
		panic(errf(113, 15, "Missing end comment mark '*/'."))
	}
}

func (l *lexer) next() token {
	l.space()
	t := token{pos: l.pos, line: l.line}
	c := l.at(0)
	switch {
	case l.pos >= len(l.src):
	case (c == 'N' || c == 'n') && l.at(1) == '\'':
		l.pos++
		t.kind, t.text = tNString, l.quoted('\'')
	case c == '\'':
		t.kind, t.text = tString, l.quoted('\'')
	case c == '"':
		t.kind, t.text = tQuoted, l.quoted('"')
	case c == '[':
		t.kind, t.text = tQuoted, l.quoted(']')
	case c == '@':
		t.kind, t.text = tVar, l.word()
	case c >= '0' && c <= '9' || c == '.' && l.at(1) >= '0' && l.at(1) <= '9':
		t.kind, t.text = l.number()
	case c == '$' && l.at(1) >= '0' && l.at(1) <= '9':
		l.pos++
		_, t.text = l.decimal()
		t.kind = tMoney
	default:
		if word := l.word(); word != "" {
			t.kind, t.text, t.up = tIdent, word, strings.ToUpper(word)
		} else {
			t.kind, t.text = tOp, l.operator()
		}
	}
	t.end = l.pos
	return t
}

// quoted reads up to the closing quote, which stands for itself when doubled.
func (l *lexer) quoted(closing byte) string {
	start := l.pos
	l.pos++
	var b strings.Builder
	for {
		i := strings.IndexByte(l.src[l.pos:], closing)
		if i < 0 {
			panic(errf(105, 15, "Unclosed quotation mark after the character string '%s'.", cutRunes(l.src[start+1:], 100)))
		}
		b.WriteString(l.src[l.pos : l.pos+i])
		l.line += strings.Count(l.src[l.pos:l.pos+i], "\n")
		l.pos += i + 1
		if l.at(0) != closing {
			return b.String()
		}
		b.WriteByte(closing)
		l.pos++
	}
}

// word reads a name or a variable.
func (l *lexer) word() string {
	start := l.pos
	for l.pos < len(l.src) {
		r, n := utf8.DecodeRuneInString(l.src[l.pos:])
		inside := l.pos > start && (unicode.IsDigit(r) || r == '$')
		if !inside && !unicode.IsLetter(r) && r != '_' && r != '@' && r != '#' {
			break
		}
		l.pos += n
	}
	return l.src[start:l.pos]
}

func (l *lexer) digits() {
	for l.at(0) >= '0' && l.at(0) <= '9' {
		l.pos++
	}
}

func (l *lexer) number() (tokenKind, string) {
	start := l.pos
	if l.at(0) == '0' && (l.at(1) == 'x' || l.at(1) == 'X') {
		l.pos += 2
		for strings.IndexByte("0123456789abcdefABCDEF", l.at(0)) >= 0 && l.at(0) != 0 {
			l.pos++
		}
		hex := l.src[start+2 : l.pos]
		if len(hex)%2 == 1 {
			hex = "0" + hex
		}
		return tHex, hex
	}
	kind, _ := l.decimal()
	if c := l.at(0); c == 'e' || c == 'E' {
		kind = tFloat
		l.pos++
		if c := l.at(0); c == '+' || c == '-' {
			l.pos++
		}
		l.digits()
	}
	return kind, l.src[start:l.pos]
}

// decimal reads digits, and those behind a point.
func (l *lexer) decimal() (tokenKind, string) {
	start, kind := l.pos, tInt
	l.digits()
	if l.at(0) == '.' {
		kind = tDecimal
		l.pos++
		l.digits()
	}
	return kind, l.src[start:l.pos]
}

func (l *lexer) operator() string {
	for _, op := range []string{"<=", ">=", "<>", "!=", "!<", "!>", "+=", "-=", "*=", "/=", "%=", "::"} {
		if strings.HasPrefix(l.src[l.pos:], op) {
			l.pos += 2
			return op
		}
	}
	r, n := utf8.DecodeRuneInString(l.src[l.pos:])
	if !strings.ContainsRune("+-*/%=<>(),;.&|^~:!$", r) {
		panic(errSyntax(string(r)))
	}
	l.pos += n
	return string(r)
}
