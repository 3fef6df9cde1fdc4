package sqlserver

import (
	"fmt"
	"strings"
)

// name is a two-part name of a table.
type name struct{ schema, table string }

// String returns the name with a dot between its parts, unquoted.
func (n name) String() string { return n.schema + "." + n.table }

// quoted returns the name as T-SQL has it.
func (n name) quoted() string { return quote(n.schema) + "." + quote(n.table) }

// fold returns the name as names are compared: without regard to case, since
// the catalogue of almost every such database is case-insensitive.
func (n name) fold() name {
	return name{strings.ToLower(n.schema), strings.ToLower(n.table)}
}

// quote returns an identifier in brackets, a closing bracket in it doubled.
func quote(identifier string) string {
	return "[" + strings.ReplaceAll(identifier, "]", "]]") + "]"
}

// quoteText returns text as a T-SQL nvarchar literal.
func quoteText(text string) string {
	return "N'" + strings.ReplaceAll(text, "'", "''") + "'"
}

// parseTarget reads a target table's name: schema.table, either part plain, in
// brackets or in double quotes. A lone table is in dbo.
func parseTarget(s string) (name, error) { return parseName(s, "dbo") }

// parseSource reads a source table's name the same way. A lone table is in
// public.
func parseSource(s string) (name, error) { return parseName(s, "public") }

func parseName(s, schema string) (name, error) {
	first, rest, err := namePart(s)
	if err != nil {
		return name{}, err
	}
	if rest == "" {
		return name{schema, first}, nil
	}
	second, rest, err := namePart(strings.TrimPrefix(rest, "."))
	if err != nil {
		return name{}, err
	}
	if rest != "" {
		return name{}, fmt.Errorf("table name %q has more than two parts; write schema.table", s)
	}
	return name{first, second}, nil
}

// namePart reads one part of a name, and returns it and what follows it: either
// nothing, or a dot and more.
func namePart(s string) (part, rest string, err error) {
	closing := byte(0)
	if s != "" {
		switch s[0] {
		case '[':
			closing = ']'
		case '"':
			closing = '"'
		}
	}
	if closing == 0 {
		part, _, _ = strings.Cut(s, ".")
		rest = s[len(part):]
	} else if part, rest, err = delimitedPart(s, closing); err != nil {
		return "", "", err
	}
	if part == "" || rest != "" && rest[0] != '.' || rest == "." {
		return "", "", fmt.Errorf("%q is not a table name; write schema.table", s)
	}
	return part, rest, nil
}

// delimitedPart reads a part that s opens with a delimiter; a doubled closing
// delimiter stands for itself.
func delimitedPart(s string, closing byte) (part, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != closing {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == closing {
			b.WriteByte(closing)
			i++
			continue
		}
		return b.String(), s[i+1:], nil
	}
	return "", "", fmt.Errorf("table name %q lacks its closing %c", s, closing)
}
