package sqlserver

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// selectExpr returns how a column is selected so that its exact value arrives:
// as text where the driver's own type for it would lose digits, an offset or
// the order of bytes.
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
			return "0x" + hex.EncodeToString(v), true, nil
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
// byte by byte, so no index on the column serves it; where one should, add a
// comparison with = to it.
func (t sqlType) equals(column, value string) string {
	switch t.class() {
	case classChar, classNChar:
		return cast(t.castColumn(column), t.bytesType()) + " = " + cast(value, t.bytesType())
	case classBinary:
		// The target takes zeros at the end for padding: a byte after them counts
		// them in.
		return cast(column, "varbinary(max)") + " + 0x01 = " + cast(value, "varbinary(max)") + " + 0x01"
	case classXML:
		return cast(cast(column, "nvarchar(max)"), "varbinary(max)") +
			" = " + cast(cast(value, "nvarchar(max)"), "varbinary(max)")
	default:
		return column + " = " + value
	}
}

func (t sqlType) castColumn(column string) string {
	if as := t.castType(); as != t.String() {
		return cast(column, as)
	}
	return column
}

func cast(expr, as string) string { return "CAST(" + expr + " AS " + as + ")" }

// bytesType is the binary type that holds every value of a text type.
func (t sqlType) bytesType() string {
	n := t.length
	if t.class() == classNChar {
		n *= 2
	}
	if t.length < 0 || n > 8000 || t.castType() != t.String() {
		return "varbinary(max)"
	}
	return fmt.Sprintf("varbinary(%d)", n)
}
