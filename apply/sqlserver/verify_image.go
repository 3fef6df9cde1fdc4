package sqlserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// term is a value in the target's own terms: see bound.terms.
type term struct {
	null bool
	text string
}

// image is a row in the target's own terms.
type image struct {
	terms []term // of the plan's columns
	// unfit is why the row is the same as no other: a value that the target
	// cannot hold, or that cannot be read. It names the column.
	unfit  string
	digest digest
}

// digest is what stands for a row where rows are sorted: the same for those that
// are the same, and for no others.
type digest [16]byte

// imageOf returns what the target has to hold for a row of the source.
func (v *verification) imageOf(row capture.Row) image {
	im := image{terms: make([]term, len(v.plan.columns))}
	for i, c := range v.plan.columns {
		b, err := c.codec.encode(row[c.from])
		if err != nil {
			im.bad(c.to, err)
			b.terms, _ = row[c.from].Text() // for the list of keys
		}
		im.terms[i] = term{b.null, b.terms}
	}
	im.digest = v.digest(im, "the source's")
	return im
}

// imageRead returns what the target holds, from what was scanned for the plan's
// columns.
func (v *verification) imageRead(scanned []any) image {
	im := image{terms: make([]term, len(v.plan.columns))}
	for i, c := range v.plan.columns {
		text, ok, err := c.to.typ.terms(scanned[i])
		if err != nil {
			im.bad(c.to, fmt.Errorf("what the target holds cannot be read: %w", err))
		}
		im.terms[i] = term{!ok && err == nil, text}
	}
	im.digest = v.digest(im, "the target's")
	return im
}

func (im *image) bad(c *targetColumn, err error) {
	if im.unfit == "" {
		im.unfit = "column " + c.name + ": " + err.Error()
	}
}

// digest returns an image's digest. That of one that is unfit depends on the
// side that it is of.
func (v *verification) digest(im image, side string) (d digest) {
	h := sha256.New()
	h.Write(v.salt)
	h.Write(appendTerms(nil, im.terms))
	if im.unfit != "" {
		h.Write([]byte(side))
	}
	copy(d[:], h.Sum(nil))
	return d
}

// keyOf returns the key's terms.
func (p *plan) keyOf(im image) []term {
	key := make([]term, len(p.key))
	for i, k := range p.key {
		key[i] = im.terms[k]
	}
	return key
}

// appendTerms appends terms in a form whose bytes have an order of their own:
// each is a 0 for null, or a 1, its bytes with a 255 behind each 0, and 0 1.
func appendTerms(to []byte, terms []term) []byte {
	for _, t := range terms {
		if t.null {
			to = append(to, 0)
			continue
		}
		to = append(to, 1)
		for rest, more := t.text, true; more; {
			var part string
			part, rest, more = strings.Cut(rest, "\x00")
			to = append(to, part...)
			if more {
				to = append(to, 0, 255)
			}
		}
		to = append(to, 0, 1)
	}
	return to
}

// readTerms reads n terms that appendTerms wrote, and returns what is behind
// them.
func readTerms(from []byte, n int) (terms []term, rest []byte) {
	for range n {
		null := from[0] == 0
		from = from[1:]
		if null {
			terms = append(terms, term{null: true})
			continue
		}
		var text []byte
		for {
			i := bytes.IndexByte(from, 0)
			text = append(text, from[:i]...)
			more := from[i+1] == 255
			from = from[i+2:]
			if !more {
				break
			}
			text = append(text, 0)
		}
		terms = append(terms, term{text: string(text)})
	}
	return terms, from
}

// folded returns a key in a form that is the same for keys that the target may
// take for equal, so that they are looked at together. It may be the same for
// others, too.
func (p *plan) folded(key []term) []term {
	folded := key
	for i, k := range p.key {
		if f := p.columns[k].to.typ.fold(key[i].text); f != key[i].text {
			if &folded[0] == &key[0] {
				folded = append([]term(nil), key...)
			}
			folded[i].text = f
		}
	}
	return folded
}

// fold drops what a comparison may not see: of a text what foldText does and the
// blanks at the end, and of bytes the zeros at the end.
func (t sqlType) fold(s string) string {
	switch t.class() {
	case classChar, classNChar:
		return foldText(strings.TrimRight(s, " "))
	case classBinary:
		for strings.HasSuffix(s, "00") && len(s)%2 == 0 && len(s) > 2 {
			s = s[:len(s)-2]
		}
		return s
	default:
		return s
	}
}

// fromTerms returns a value of the type from its terms.
func (t sqlType) fromTerms(terms string) (bound, error) {
	from := familyText
	switch t.class() {
	case classBinary:
		return writeHexLiteral(t, terms)
	case classFloat:
		from = familyFloat8
	}
	write, err := pair(from, capture.Column{Base: "text", Modifier: -1}, t, codecOptions{lossy: Lossy{Round: t.class() == classFloat}})
	if err != nil {
		return bound{}, err
	}
	return write(terms)
}

// bindTerms binds a value that was read from a column, for a comparison with it.
func bindTerms(to *targetColumn, t term) (bound, error) {
	if t.null {
		return bound{null: true}, nil
	}
	b, err := to.typ.fromTerms(t.text)
	if err != nil {
		return b, fmt.Errorf("column %s: what the target holds cannot be written back: %w", to.name, err)
	}
	return b, nil
}

// appendRow appends those values of a source row that which names.
func appendRow(to []byte, row capture.Row, which []int) []byte {
	terms := make([]term, len(which))
	for i, at := range which {
		text, ok := row[at].Text()
		terms[i] = term{!ok, text}
	}
	return appendTerms(to, terms)
}

// readRow reads what appendRow wrote into a row of n columns; the others are
// absent.
func readRow(from []byte, n int, which []int) capture.Row {
	row := make(capture.Row, n)
	terms, _ := readTerms(from, len(which))
	for i, t := range terms {
		row[which[i]] = capture.Text(t.text)
		if t.null {
			row[which[i]] = capture.Null()
		}
	}
	return row
}

// appendSized appends b and, before it, how long it is.
func appendSized(to, b []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

// cutSized cuts off what appendSized appended.
func cutSized(from []byte) (b, rest []byte) {
	n, size := binary.Uvarint(from)
	return from[size : size+int(n)], from[size+int(n):]
}
