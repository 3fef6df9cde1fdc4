package sqlserver

import (
	"fmt"
	"strings"
	"unicode/utf8"

	mssql "github.com/microsoft/go-mssqldb"
)

// textWriter writes to char, varchar, text and to their kin of UTF-16.
//
// Trailing blanks: the target pads char and nchar, so there they are no part of
// the value, and those beyond the length do not count. It keeps them in varchar
// and nvarchar, so there they are.
func textWriter(dst sqlType, lossy Lossy) encoder {
	bind := textBinder(dst)
	return func(s string) (bound, error) {
		plain := isASCII(s)
		if !plain {
			if !utf8.ValidString(s) {
				return bound{}, refuse("the text is not valid UTF-8", "")
			}
			var err error
			if s, err = fitCharacters(s, dst, lossy); err != nil {
				return bound{}, err
			}
			plain = isASCII(s)
		}
		if dst.padded() {
			s = strings.TrimRight(s, " ")
		}
		s, err := fitLength(s, plain, dst, lossy)
		if err != nil {
			return bound{}, err
		}
		return bind(s, plain), nil
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fitCharacters refuses or replaces what the column's code page lacks. SQL
// Server would write a question mark.
func fitCharacters(s string, dst sqlType, lossy Lossy) (string, error) {
	width := dst.width()
	if fits(s, width) {
		return s, nil
	}
	problem := fmt.Sprintf("it has characters outside code page %d", dst.codePage)
	if !lossy.Transliterate {
		return "", refuse(problem, "the rule transliterate replaces them by their nearest")
	}
	s = transliterate(s, width)
	if !fits(s, width) {
		return "", refuse(problem+" that have no near one in it", "")
	}
	return s, nil
}

func fits(s string, width runeWidth) bool {
	for _, r := range s {
		if width(r) == 0 {
			return false
		}
	}
	return true
}

// fitLength refuses or cuts what is too long, between two characters.
func fitLength(s string, plain bool, dst sqlType, lossy Lossy) (string, error) {
	limit := dst.limit()
	if len(s) <= limit && (plain || dst.class() == classNChar || dst.codePage == utf8Page) {
		return s, nil // no unit is shorter than a byte of UTF-8
	}
	width, length := dst.width(), 0
	for i, r := range s {
		if length += width(r); length <= limit {
			continue
		}
		if !lossy.Truncate {
			return "", tooLong(dst)
		}
		s = s[:i]
		if dst.padded() {
			s = strings.TrimRight(s, " ")
		}
		return s, nil
	}
	return s, nil
}

// textBinder returns how text that fits is bound.
//
// A parameter's declared length is that of its value, and each length that
// occurs would make a statement of its own, with a plan of its own in the
// target's cache. So text goes to char and nchar padded to their length, and
// elsewhere as a parameter of a max type inside a cast to the column's type.
//
// The driver sends varchar as UTF-8 and the target reads it in the database's
// code page, so only ASCII may go that way. The rest goes as nvarchar, and the
// cast turns it into the code page of the column's collation. Long ASCII goes as
// varchar to an nvarchar column too: the driver takes eight times a text's length
// to turn it into UTF-16.
func textBinder(dst sqlType) func(s string, plain bool) bound {
	wide := bound{}.cast(dst.castType())
	narrow := wide
	if isCollation(dst.collation) {
		wide.after = " COLLATE " + dst.collation + wide.after
	}
	return func(s string, plain bool) bound {
		switch {
		case dst.name == "nchar":
			return bound{arg: mssql.NChar(pad(s, dst.length)), terms: s}
		case dst.class() == classNChar && plain && len(s) > longText:
			return narrow.holding(mssql.VarCharMax(s), s)
		case dst.class() == classNChar:
			return narrow.holding(mssql.NVarCharMax(s), s)
		case !plain:
			return wide.holding(mssql.NVarCharMax(s), s)
		case dst.name == "char":
			return bound{arg: mssql.VarChar(pad(s, dst.length)), terms: s}
		default:
			return narrow.holding(mssql.VarCharMax(s), s)
		}
	}
}

// longText is from which length on the form in which text is sent matters more
// than that all text is sent in one form, with one plan in the target's cache.
const longText = 1 << 20

// pad fills s with blanks up to a length in UTF-16 code units.
func pad(s string, length int) string {
	for _, r := range s {
		length -= utf16Width(r)
	}
	return s + strings.Repeat(" ", max(length, 0))
}

// isCollation reports whether s can stand in a statement as a collation's name.
func isCollation(s string) bool {
	for _, c := range []byte(s) {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != ""
}
