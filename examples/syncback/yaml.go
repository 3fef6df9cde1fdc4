package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// decoder reads the configuration from the file's syntax tree, which
// goccy/go-yaml gives with the line, the path and the unchanged text of every
// value: a mistake is named where it is, and 007 stays 007.
type decoder struct {
	file    string
	env     lookup
	anchors map[string]ast.Node
}

// reader puts what a value says where it belongs, or says what is wrong with it.
type reader func(ast.Node) error

// keys are those that a mapping may have.
type keys map[string]reader

// mostOpen is how many brackets may be open at once. The parser takes time by the
// square of it.
const mostOpen = 1000

// checkBrackets refuses more than that. It takes those within quotes for brackets,
// too: so many are not left open there either.
func (d *decoder) checkBrackets(text []byte) error {
	line, open := 1, 0
	for _, c := range text {
		switch c {
		case '\n':
			line++
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		}
		if open > mostOpen {
			return misuse("%s line %d: opens more than %d brackets that are not closed; close them", d.file, line, mostOpen)
		}
	}
	return nil
}

// parse returns the one document in text.
func (d *decoder) parse(text []byte) (ast.Node, error) {
	if err := d.checkBrackets(text); err != nil {
		return nil, err
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		if syntax, ok := errors.AsType[yaml.Error](err); ok && syntax.GetToken() != nil {
			return nil, misuse("%s line %d: not YAML%s", d.file, syntax.GetToken().Position.Line, advise(syntax))
		}
		return nil, misuse("%s: not YAML; compare it with the one that `go doc` of this program shows", d.file)
	}
	if len(tree.Docs) == 0 || tree.Docs[0].Body == nil {
		return nil, misuse("%s: the file is empty; source, target and tables are required", d.file)
	}
	if len(tree.Docs) > 1 {
		return nil, misuse("%s: the file holds more than one document; one file is one pipeline", d.file)
	}
	d.anchors = map[string]ast.Node{}
	ast.Walk(d, tree.Docs[0].Body)
	return tree.Docs[0].Body, nil
}

// advise says what the parser found, and what to do. Only what is known to quote
// nothing of the file is passed on: what is wrong may be a password.
func advise(err yaml.Error) string {
	message, key := err.GetMessage(), err.GetToken().Value
	switch {
	case strings.Contains(message, "'\t'"):
		return ": a tab stands where it may not; indent with spaces"
	case strings.Contains(message, "already defined") && isName(key):
		return ": " + message + "; keep one of the two"
	case strings.Contains(message, "already defined"):
		return ": a key is there twice; keep one of the two"
	case strings.HasPrefix(message, "invalid header option"):
		return ": a value that begins with | or > goes in quotes, or on the lines below"
	case strings.HasSuffix(message, "is a reserved character"):
		return ": a value that begins with @ or ` goes in quotes"
	case strings.HasPrefix(message, "found unknown escape character"):
		return `: a \ in double quotes begins an escape; write \\ there, or use single quotes`
	case quotesNothing[message]:
		message = ": " + message
	default:
		message = ""
	}
	return message + "; close what is open there, and put a value that has a : or # or a bracket in quotes"
}

// quotesNothing has the parser's messages that are the same whatever the file
// holds, and tell more than that it is no YAML.
var quotesNothing = map[string]bool{
	"',' or ']' must be specified":                                       true,
	"',' or '}' must be specified":                                       true,
	"block sequence entries are not allowed in this context":             true,
	"could not find '[' character corresponding to ']'":                  true,
	"could not find '{' character corresponding to '}'":                  true,
	"could not find end character of double-quoted text":                 true,
	"could not find end character of single-quoted text":                 true,
	"could not find flow mapping end token '}'":                          true,
	"found an invalid key for this map":                                  true,
	"map key definition includes an implicit line break":                 true,
	"mapping value is not allowed in this context":                       true,
	"non-map value is specified":                                         true,
	"sequence end token ']' not found":                                   true,
	"unexpected key name":                                                true,
	"unexpected scalar value type":                                       true,
	"value is not allowed in this context":                               true,
	"value is not allowed in this context. map key-value is pre-defined": true,
}

// Visit notes the anchors, for the aliases that refer to them.
func (d *decoder) Visit(n ast.Node) ast.Visitor {
	if a, ok := n.(*ast.AnchorNode); ok {
		d.anchors[a.Name.GetToken().Value] = a.Value
	}
	return d
}

// resolve follows anchors and aliases to the value itself.
func (d *decoder) resolve(n ast.Node) ast.Node {
	for range 8 { // more would be an alias of itself
		switch at := n.(type) {
		case *ast.AnchorNode:
			n = at.Value
		case *ast.AliasNode:
			n = d.anchors[at.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

// wrong names the place of n, and what is wrong there.
func (d *decoder) wrong(n ast.Node, format string, args ...any) error {
	path := strings.TrimPrefix(strings.TrimPrefix(n.GetPath(), "$"), ".")
	if path == "" {
		path = "the file"
	}
	return misuse("%s line %d: %s: %s", d.file, n.GetToken().Position.Line, path, fmt.Sprintf(format, args...))
}

// entries calls each for every key and value of a mapping, in the file's order.
func (d *decoder) entries(n ast.Node, each func(key string, value ast.Node) error) error {
	m, ok := d.resolve(n).(*ast.MappingNode)
	if !ok {
		return d.wrong(n, "must be a mapping of keys to values")
	}
	for _, e := range m.Values {
		if e.Key.IsMergeKey() {
			return d.wrong(e.Value, "merge keys are not read here; write the keys out, or use an alias for the whole value")
		}
		if err := each(e.Key.GetToken().Value, e.Value); err != nil {
			return err
		}
	}
	return nil
}

// mapping reads n by the keys that it may have.
func (d *decoder) mapping(known keys) reader {
	return func(n ast.Node) error {
		return d.entries(n, func(key string, value ast.Node) error {
			read, ok := known[key]
			if !ok {
				return d.unknown(n, key, value, known)
			}
			return read(value)
		})
	}
}

// unknown refuses a key of n. One that is not a word is not repeated: it may be
// a part of a value that lacks its quotes.
func (d *decoder) unknown(n ast.Node, key string, value ast.Node, known keys) error {
	here := strings.Join(slices.Sorted(maps.Keys(known)), ", ")
	if !isName(key) {
		return d.wrong(n, "has a key that is not a word; known here are %s, and a value that has a : or , goes in quotes", here)
	}
	return d.wrong(value, "unknown key; known here are %s", here)
}

// list reads each element of n.
func (d *decoder) list(element reader) reader {
	return func(n ast.Node) error {
		seq, ok := d.resolve(n).(*ast.SequenceNode)
		if !ok {
			return d.wrong(n, "must be a list, such as [a, b]")
		}
		for _, e := range seq.Values {
			if err := element(e); err != nil {
				return err
			}
		}
		return nil
	}
}

// scalar returns the text of a single value as it stands in the file, with the
// environment's variables put in.
func (d *decoder) scalar(n ast.Node) (string, error) {
	text := ""
	switch at := d.resolve(n).(type) {
	case nil:
		return "", d.wrong(n, "the alias refers to nothing")
	case *ast.NullNode:
		return "", d.wrong(n, "has no value; give one, or leave the key out")
	case *ast.StringNode:
		text = at.Value
	case *ast.LiteralNode:
		text = at.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		text = at.GetToken().Value
	default:
		return "", d.wrong(n, "must be a single value")
	}
	text, err := expand(text, d.env)
	if err != nil {
		return "", d.wrong(n, "%v", err)
	}
	return text, nil
}

// value reads a single value and keeps what convert makes of it.
func value[T any](d *decoder, to *T, convert func(string) (T, error)) reader {
	return func(n ast.Node) error {
		text, err := d.scalar(n)
		if err != nil {
			return err
		}
		v, err := convert(text)
		if err != nil {
			return d.wrong(n, "%v", err)
		}
		*to = v
		return nil
	}
}

// text reads a single value that says something.
func (d *decoder) text(to *string) reader {
	return value(d, to, func(s string) (string, error) {
		if strings.TrimSpace(s) == "" {
			return "", errors.New("is empty; give a value, or leave the key out")
		}
		return s, nil
	})
}

// texts reads a list of them.
func (d *decoder) texts(to *[]string) reader {
	return d.list(func(n ast.Node) error {
		var s string
		err := d.text(&s)(n)
		*to = append(*to, s)
		return err
	})
}

// flag reads true or false.
func (d *decoder) flag(to *bool) reader {
	return value(d, to, func(s string) (bool, error) {
		if s != "true" && s != "false" {
			return false, errors.New("must be true or false")
		}
		return s == "true", nil
	})
}

// count reads a whole number from 1.
func (d *decoder) count(to *int) reader {
	return value(d, to, func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return 0, errors.New("must be a whole number from 1")
		}
		return n, nil
	})
}

// none refuses a key that the contract names and this version lacks. An empty
// list asks for nothing, and is what this version does.
func (d *decoder) none(n ast.Node) error {
	if seq, ok := d.resolve(n).(*ast.SequenceNode); ok && len(seq.Values) == 0 {
		return nil
	}
	return d.wrong(n, "not in this version; take the key out")
}
