package sqlserver

import (
	"errors"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// verdict says how well a pair of columns fits: a note without a problem means
// that every value arrives as it was, and one with a problem that only values
// do not which no one has on purpose; a warning names what is refused or
// changed when it occurs; what blocks is a pair that is refused altogether.
func verdict(src capture.Column, dst sqlType, opt codecOptions) (level capture.Level, problem, advice string) {
	if _, err := newCodec(src, dst, opt); err != nil {
		var r *refusal
		if errors.As(err, &r) {
			return capture.Blocks, r.problem, r.advice
		}
		return capture.Blocks, err.Error(), ""
	}
	switch dst.class() {
	case classInteger, classBit, classDecimal, classMoney:
		return numberVerdict(src, dst, opt.lossy)
	case classFloat:
		return floatVerdict(src, dst, opt.lossy)
	case classChar, classNChar:
		return textVerdict(src, dst, opt.lossy)
	case classBinary:
		return bytesVerdict(dst, opt.lossy)
	case classTime:
		return timeVerdict(src, dst, opt)
	case classXML:
		return capture.Note, "a declaration and the spelling of the markup are not kept", ""
	default:
		return parsedVerdict(src, dst)
	}
}

// parsedVerdict is of types that hold all that the source's can, unless the
// source is text.
func parsedVerdict(src capture.Column, dst sqlType) (capture.Level, string, string) {
	if sourceFamily(src.Base) == familyText {
		return capture.Warns, fmt.Sprintf("text that PostgreSQL would not write for a value of %s is refused", dst), ""
	}
	return capture.Note, "", ""
}

// numberVerdict compares the digits before and after the point.
func numberVerdict(src capture.Column, dst sqlType, lossy Lossy) (capture.Level, string, string) {
	switch sourceFamily(src.Base) {
	case familyBool:
		return capture.Note, "", ""
	case familyText:
		return parsedVerdict(src, dst)
	}
	whole, frac := sourceDigits(src)
	low, high := dst.integerRange()
	narrow := whole > dst.precision-dst.scale
	if dst.class() != classDecimal {
		narrow = whole > wholeDigits(low, high, dst.decimals())
	}
	switch {
	case frac > dst.decimals() && lossy.Round:
		return capture.Warns, fmt.Sprintf("values are rounded to %d decimals", dst.decimals()), ""
	case frac > dst.decimals():
		return capture.Warns, fmt.Sprintf("values with more than %d decimals are refused", dst.decimals()), "allow them by the rule round"
	case narrow && !sameInteger(src.Base, dst.name):
		return capture.Warns, "values outside the range of " + dst.String() + " are refused", "widen the target's column, if they can occur"
	default:
		return capture.Note, "", ""
	}
}

// wholeDigits is how many digits before the point always fit a range of
// integers whose last digits are decimals.
func wholeDigits(low, high int64, decimals int) int {
	n := 0
	for high >= 9 && low <= -9 || high >= 9 && low == 0 {
		high, low, n = (high-9)/10, (low+9)/10, n+1
	}
	return n - decimals
}

// sameInteger reports whether a target integer has the range of a source's, or
// a wider one, which digits alone do not tell.
func sameInteger(base, name string) bool {
	width := map[string]int{"int2": 2, "int4": 4, "int8": 8, "smallint": 2, "int": 4, "bigint": 8}
	return width[base] > 0 && width[base] <= width[name]
}

// anyDigits is more digits than any target has.
const anyDigits = 1 << 20

// sourceDigits is how many digits a source column's numbers can have before
// and after the point.
func sourceDigits(src capture.Column) (whole, frac int) {
	switch src.Base {
	case "int2":
		return 5, 0
	case "int4", "oid":
		return 10, 0
	case "int8":
		return 19, 0
	case "numeric":
		if precision, scale, ok := numericModifier(src.Modifier); ok {
			return precision - scale, scale
		}
	}
	return anyDigits, anyDigits
}

// numericModifier reads the type modifier of numeric(precision, scale); a scale
// may be negative (PostgreSQL, numeric.c, make_numeric_typmod).
func numericModifier(modifier int32) (precision, scale int, ok bool) {
	const header = 4
	if modifier < header {
		return 0, 0, false
	}
	m := modifier - header
	return int(m >> 16 & 0xffff), int((m&0x7ff ^ 1024) - 1024), true
}

func floatVerdict(src capture.Column, dst sqlType, lossy Lossy) (capture.Level, string, string) {
	const special = "NaN, infinity and numbers below the smallest normal one are refused"
	whole, frac := sourceDigits(src)
	from := sourceFamily(src.Base)
	switch {
	case from == familyFloat4, from == familyFloat8 && dst.name == "float":
		return capture.Note, special, ""
	case frac == 0 && whole <= 5, frac == 0 && whole <= 10 && dst.name == "float":
		return capture.Note, "", ""
	case lossy.Round:
		return capture.Warns, "values are rounded to the nearest " + dst.name, ""
	default:
		return capture.Warns, "values that no " + dst.name + " is equal to are refused", "allow them by the rule round"
	}
}

// textVerdict compares lengths, where the source has one, and code pages.
func textVerdict(src capture.Column, dst sqlType, lossy Lossy) (capture.Level, string, string) {
	limit, from := dst.limit(), sourceFamily(src.Base)
	long := sourceLength(src)
	wide := from == familyText || from == familyBlank || from == familyForm || from == familyXML
	narrowPage := wide && dst.class() == classChar && dst.codePage != utf8Page
	if wide && !narrowPage && long < longestValue {
		long *= dst.longestCharacter() // a source counts characters
	}
	switch {
	case long > limit && lossy.Truncate:
		return capture.Warns, "longer values are cut to " + dst.String(), ""
	case long > limit:
		return capture.Warns, "values longer than " + dst.String() + " are refused", "widen the target's column, or allow them to be cut by the rule truncate"
	case narrowPage && lossy.Transliterate:
		return capture.Note, fmt.Sprintf("characters outside code page %d are replaced by their nearest", dst.codePage), ""
	case narrowPage:
		return capture.Note, fmt.Sprintf("values with characters outside code page %d are refused", dst.codePage), "allow their nearest by the rule transliterate"
	default:
		return capture.Note, "", ""
	}
}

// longestCharacter is how many units of length a character can take.
func (t sqlType) longestCharacter() int {
	switch {
	case t.class() == classNChar:
		return 2
	case t.codePage == utf8Page:
		return 4
	default:
		return 1
	}
}

// longestValue is how many bytes a value in PostgreSQL can have.
const longestValue = 1<<30 - 1

// sourceLength is how long the text form of a source column can be, in
// characters.
func sourceLength(src capture.Column) int {
	const header = 4 // what PostgreSQL adds to a length (varchar.c)
	switch src.Base {
	case "varchar", "bpchar":
		if src.Modifier >= header {
			return int(src.Modifier) - header
		}
	case "char":
		return 1
	case "name":
		return 63
	case "uuid":
		return 36
	case "int2":
		return len("-32768")
	case "int4", "oid":
		return len("-2147483648")
	case "int8":
		return len("-9223372036854775808")
	case "numeric":
		if precision, scale, ok := numericModifier(src.Modifier); ok {
			return max(precision, precision-scale, scale+1) + len("-.")
		}
	case "float4", "float8":
		return len("-2.2250738585072014e-308")
	case "date":
		return len("5874897-12-31 BC")
	case "timestamp", "timestamptz":
		return len("294276-12-31 23:59:59.999999+00 BC")
	}
	return longestValue
}

func bytesVerdict(dst sqlType, lossy Lossy) (capture.Level, string, string) {
	switch {
	case dst.name == "binary":
		return capture.Warns, fmt.Sprintf("values of other lengths than %d bytes are refused", dst.length), "make the target's column varbinary"
	case dst.limit() > 8000:
		return capture.Note, "", ""
	case lossy.Truncate:
		return capture.Warns, "longer values are cut to " + dst.String(), ""
	default:
		return capture.Warns, "values longer than " + dst.String() + " are refused", "widen the target's column, if they can occur"
	}
}

func timeVerdict(src capture.Column, dst sqlType, opt codecOptions) (capture.Level, string, string) {
	from := sourceFamily(src.Base)
	switch {
	case from == familyText:
		return parsedVerdict(src, dst)
	case coarser(src, dst) && (opt.lossy.Round || opt.lossy.Truncate):
		return capture.Warns, "values are brought to the precision of " + dst.String(), ""
	case coarser(src, dst):
		return capture.Warns, "values finer than " + dst.String() + " are refused", "allow them by the rule round or truncate"
	case from == familyInstant && dst.name != "datetimeoffset" && !opt.lossy.Ambiguous:
		return capture.Warns, "values in the hour that the target's clock has twice in autumn are refused", "allow them by the rule ambiguous"
	case dst.name == "datetime" || dst.name == "smalldatetime":
		low, high := dst.timeRange()
		return capture.Note, fmt.Sprintf("dates before %s and after %s are refused",
			low.Format("2006-01-02"), high.AddDate(0, 0, -1).Format("2006-01-02")), ""
	case dst.name == "time":
		return capture.Note, "24:00 is refused", ""
	default:
		return capture.Note, "infinity and years outside 1 to 9999 are refused", ""
	}
}

// coarser reports whether a target's type tells fewer moments apart than the
// source's, whose modifier is the number of decimals of its seconds.
func coarser(src capture.Column, dst sqlType) bool {
	from := sourceFamily(src.Base)
	decimals := int(src.Modifier)
	if decimals < 0 {
		decimals = 6
	}
	switch {
	case from == familyDate:
		return false
	case dst.name == "date", dst.name == "smalldatetime":
		return true
	case dst.name == "datetime":
		return decimals > 2
	default:
		return decimals > dst.scale
	}
}
