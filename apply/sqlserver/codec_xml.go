package sqlserver

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
)

// writeXML binds a document or its parts. The declaration stays behind: it
// speaks of an encoding that the text no longer has, and the target keeps none.
// Style 1 keeps white space, which the target would drop otherwise.
func writeXML(s string) (bound, error) {
	terms, err := xmlForm(s)
	if err != nil {
		return bound{}, err
	}
	return bound{
		arg:    mssql.NVarCharMax(withoutDeclaration(s)),
		before: "CONVERT(xml, ", after: ", 1)",
		terms: terms,
	}, nil
}

func withoutDeclaration(s string) string {
	if strings.HasPrefix(s, "<?xml ") {
		_, s, _ = strings.Cut(s, "?>")
	}
	return s
}

// xmlForm returns one spelling for all texts that are the same XML to the
// target, which keeps no text but the document: attributes in order, no
// shorthand, no CDATA, no declaration.
func xmlForm(s string) (string, error) {
	d := xml.NewDecoder(strings.NewReader(withoutDeclaration(s)))
	var b strings.Builder
	var open []xml.Name
	for {
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF) && len(open) == 0:
			return b.String(), nil
		case err != nil:
			return "", refuse("the text is not well-formed XML", "")
		}
		switch t := token.(type) {
		case xml.StartElement:
			open = append(open, t.Name)
			writeStart(&b, t)
		case xml.EndElement:
			if len(open) == 0 || open[len(open)-1] != t.Name {
				return "", refuse("the text is not well-formed XML", "")
			}
			open = open[:len(open)-1]
			b.WriteString("</" + xmlName(t.Name) + ">")
		case xml.CharData:
			writeEscaped(&b, t)
		case xml.Comment:
			b.WriteString("<!--" + string(t) + "-->")
		case xml.ProcInst:
			b.WriteString("<?" + t.Target + " " + string(t.Inst) + "?>")
		case xml.Directive:
			return "", refuse("it has a document type declaration, which the target does not take", "")
		}
	}
}

func writeStart(b *strings.Builder, t xml.StartElement) {
	slices.SortFunc(t.Attr, func(x, y xml.Attr) int {
		return strings.Compare(xmlName(x.Name), xmlName(y.Name))
	})
	b.WriteString("<" + xmlName(t.Name))
	for _, a := range t.Attr {
		b.WriteString(" " + xmlName(a.Name) + `="`)
		writeEscaped(b, []byte(a.Value))
		b.WriteByte('"')
	}
	b.WriteByte('>')
}

// xmlName spells a raw name, whose space is its prefix.
func xmlName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

func writeEscaped(b *strings.Builder, s []byte) {
	_ = xml.EscapeText(b, s) // a strings.Builder takes everything
}
