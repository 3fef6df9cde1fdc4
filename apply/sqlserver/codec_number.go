package sqlserver

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
)

// decimal is an exact number in base ten: whole has no leading zeros and is
// empty for zero, frac is as long as it was written.
type decimal struct {
	neg         bool
	whole, frac string
}

// parseDecimal reads the form in which PostgreSQL writes integers and numerics.
// It takes no plus sign, no leading zeros, no blanks and no exponent: text that
// only looks like a number is not one.
func parseDecimal(s string) (decimal, error) {
	switch s {
	case "NaN":
		return decimal{}, outOfRange("NaN has no counterpart", "")
	case "Infinity", "-Infinity":
		return decimal{}, outOfRange("infinity has no counterpart", "")
	}
	rest, neg := strings.CutPrefix(s, "-")
	whole, frac, dot := strings.Cut(rest, ".")
	if !digits(whole) || dot && !digits(frac) || len(whole) > 1 && whole[0] == '0' {
		return decimal{}, refuse("the text is not a number in its plain form", "")
	}
	return decimal{neg, strings.TrimPrefix(whole, "0"), frac}, nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String returns d with as many decimals as frac has; zero has no sign.
func (d decimal) String() string {
	s := d.whole
	if s == "" {
		s = "0"
	}
	if d.frac != "" {
		s += "." + d.frac
	}
	if d.neg && strings.Trim(s, "0.") != "" {
		s = "-" + s
	}
	return s
}

// rescale returns d with scale decimals. Digits that are cut off must be zeros,
// unless round is true: then it rounds half away from zero, as the target does.
func (d decimal) rescale(scale int, round bool) (decimal, error) {
	if len(d.frac) <= scale {
		d.frac += strings.Repeat("0", scale-len(d.frac))
		return d, nil
	}
	cut := d.frac[scale:]
	d.frac = d.frac[:scale]
	if strings.Trim(cut, "0") == "" {
		return d, nil
	}
	if !round {
		return d, outOfRange("it has more than "+strconv.Itoa(scale)+" decimals", "the rule round allows it")
	}
	if cut[0] >= '5' {
		return d.increment(), nil
	}
	return d, nil
}

// increment adds one in the last place, away from zero.
func (d decimal) increment() decimal {
	all := []byte("0" + d.whole + d.frac)
	for i := len(all) - 1; ; i-- {
		if all[i] != '9' {
			all[i]++
			break
		}
		all[i] = '0'
	}
	point := len(all) - len(d.frac)
	d.whole, d.frac = strings.TrimLeft(string(all[:point]), "0"), string(all[point:])
	return d
}

// decimalReader returns how a family is read as an exact number; nil if it is
// none.
func decimalReader(from family, dst sqlType) func(string) (decimal, error) {
	switch from {
	case familyBool:
		if dst.class() == classBit || dst.class() == classInteger {
			return readBool
		}
		return nil
	case familyInteger, familyDecimal, familyText:
		return parseDecimal
	case familyFloat4:
		return func(s string) (decimal, error) { return readFloatExactly(s, 32) }
	case familyFloat8:
		return func(s string) (decimal, error) { return readFloatExactly(s, 64) }
	default:
		return nil
	}
}

func readBool(s string) (decimal, error) {
	switch s {
	case "t":
		return decimal{whole: "1"}, nil
	case "f":
		return decimal{}, nil
	default:
		return decimal{}, refuse("the text is neither t nor f", "")
	}
}

// numberWriter writes to every type that holds exact numbers.
func numberWriter(read func(string) (decimal, error), dst sqlType, lossy Lossy) encoder {
	scale := dst.decimals()
	return func(s string) (bound, error) {
		d, err := read(s)
		if err != nil {
			return bound{}, err
		}
		if d, err = d.rescale(scale, lossy.Round); err != nil {
			return bound{}, err
		}
		return bindDecimal(d, dst)
	}
}

// decimals is how many of them an exact type holds.
func (t sqlType) decimals() int {
	switch t.class() {
	case classDecimal:
		return t.scale
	case classMoney:
		return 4
	default:
		return 0
	}
}

func bindDecimal(d decimal, dst sqlType) (bound, error) {
	outside := outOfRange("it is outside the range of "+dst.String(), "")
	terms := d.String()
	if dst.class() == classDecimal {
		if len(d.whole) > dst.precision-dst.scale {
			return bound{}, outside
		}
		return bindDecimalText(terms, dst), nil
	}
	n, err := strconv.ParseInt(strings.Replace(terms, ".", "", 1), 10, 64)
	low, high := dst.integerRange()
	if err != nil || n < low || n > high {
		return bound{}, outside
	}
	if dst.class() == classMoney {
		return bindDecimalText(terms, dst), nil
	}
	return bound{arg: integerArg(n, dst), terms: terms}, nil
}

// bindDecimalText binds the digits, which no parameter type of the driver holds
// exactly. Blanks before them make all parameters of a column equally long, so
// that one statement, and one plan of the target's, serves every value.
func bindDecimalText(terms string, dst sqlType) bound {
	width := len("-922337203685477.5808")
	if dst.class() == classDecimal {
		width = dst.precision + len("-0.")
	}
	arg := mssql.VarChar(fmt.Sprintf("%*s", width, terms))
	return bound{arg: arg, terms: terms}.cast(dst.String())
}

// integerRange is the range of an integer type, and for money that of its
// ten-thousandths.
func (t sqlType) integerRange() (low, high int64) {
	switch t.name {
	case "bit":
		return 0, 1
	case "tinyint":
		return 0, math.MaxUint8
	case "smallint":
		return math.MinInt16, math.MaxInt16
	case "int", "smallmoney":
		return math.MinInt32, math.MaxInt32
	default:
		return math.MinInt64, math.MaxInt64
	}
}

// integerArg has the width of the column, so that no side of a comparison is
// converted.
func integerArg(n int64, dst sqlType) any {
	switch dst.name {
	case "bit":
		return n == 1
	case "tinyint":
		return uint8(n)
	case "smallint":
		return int16(n)
	case "int":
		return int32(n)
	default:
		return n
	}
}
