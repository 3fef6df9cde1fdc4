package sqlserver

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// selectExpr returns how a column is selected so that its exact value arrives:
// as text where the driver's own type for it would lose digits, an offset or
// the order of bytes, and as UTF-16 where it would lose the bytes that a code
// page does not define, of which the target makes characters all the same.
func (t sqlType) selectExpr(column string) string {
	switch t.class() {
	case classDecimal:
		return "CONVERT(varchar(41), " + column + ")"
	case classMoney:
		return "CONVERT(varchar(41), CAST(" + column + " AS decimal(19,4)))"
	case classTime:
		return "CONVERT(varchar(40), " + column + ", " + strconv.Itoa(t.timeStyle()) + ")"
	case classUUID:
		return "CONVERT(varchar(36), " + column + ")"
	case classXML:
		return "CAST(" + column + " AS nvarchar(max))"
	case classChar:
		return cast(column, t.wide())
	default:
		return t.castColumn(column)
	}
}

// timeStyle is the number of the style of CONVERT that is ISO 8601.
func (t sqlType) timeStyle() int {
	switch t.name {
	case "date":
		return 23
	case "time":
		return 121
	default:
		return 126
	}
}

// terms returns what the driver scanned from selectExpr in the form of
// bound.terms. It is false for NULL.
func (t sqlType) terms(scanned any) (string, bool, error) {
	var text string
	switch v := scanned.(type) {
	case nil:
		return "", false, nil
	case []byte:
		if t.class() == classBinary {
			return hexTerms(v), true, nil
		}
		text = string(v)
	case string:
		text = v
	case bool:
		text = map[bool]string{false: "0", true: "1"}[v]
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		return bindFloat(v+0, t.floatBits()).terms, true, nil // + 0 makes a negative zero positive
	case time.Time:
		return timeTerms(v, t), true, nil
	default:
		return "", false, fmt.Errorf("%s arrived as %T", t, scanned)
	}
	terms, err := t.textTerms(text)
	return terms, err == nil, err
}

func (t sqlType) floatBits() int {
	if t.name == "real" {
		return 32
	}
	return 64
}

// textTerms reads the text form that a column has in selectExpr.
func (t sqlType) textTerms(s string) (string, error) {
	switch t.class() {
	case classDecimal, classMoney:
		d, err := parseDecimal(strings.TrimSpace(s))
		if err != nil {
			return "", err
		}
		d, err = d.rescale(t.decimals(), false)
		return d.String(), err
	case classUUID:
		return strings.ToLower(s), nil
	case classXML:
		return xmlForm(s)
	case classTime:
		return t.readTime(s)
	default:
		if t.padded() {
			s = strings.TrimRight(s, " ")
		}
		return s, nil
	}
}

func (t sqlType) readTime(s string) (string, error) {
	read := parseWall
	switch t.name {
	case "time":
		read = parseClock
	case "datetimeoffset":
		read = parseInstant
	}
	moment, err := read(s)
	if err != nil {
		return "", err
	}
	return timeTerms(moment, t), nil
}

// equals returns a predicate that is true when the column holds exactly the
// value, which is never null and stands in the predicate once. Text is compared
// character by character, so no index on the column serves it; where one
// should, add a comparison with = to it.
func (t sqlType) equals(column, value string) string {
	switch t.class() {
	case classChar, classNChar, classXML:
		return t.characters(column) + " = " + t.characters(value)
	case classBinary:
		// The target takes zeros at the end for padding: a byte after them counts
		// them in.
		return cast(column, "varbinary(max)") + " + 0x01 = " + cast(value, "varbinary(max)") + " + 0x01"
	default:
		return column + " = " + value
	}
}

// characters returns a text expression by which two values are equal only if
// all their characters are. It is of UTF-16, because a collation of bytes would
// bring its own code page; and it ends in a point, because the target does not
// count the blanks at the end.
func (t sqlType) characters(expr string) string {
	if t.padded() {
		return cast(expr, t.wide()) + " COLLATE Latin1_General_BIN2"
	}
	return "(" + cast(expr, t.wide()) + " + N'.') COLLATE Latin1_General_BIN2"
}

// wide is the type of UTF-16 that holds all that a text type does.
func (t sqlType) wide() string {
	const longest = 4000 // units of an nvarchar that is not max
	if t.class() != classXML && t.castType() == t.String() && t.length > 0 && t.length < longest {
		return "nvarchar(" + strconv.Itoa(t.length) + ")"
	}
	return "nvarchar(max)"
}

func (t sqlType) castColumn(column string) string {
	if as := t.castType(); as != t.String() {
		return cast(column, as)
	}
	return column
}

func cast(expr, as string) string { return "CAST(" + expr + " AS " + as + ")" }
