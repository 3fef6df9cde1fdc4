package sqlserver

import (
	"fmt"
	"math"
	"math/big"
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
		return decimal{}, refuse("NaN has no counterpart", "")
	case "Infinity", "-Infinity":
		return decimal{}, refuse("infinity has no counterpart", "")
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
		return d, refuse("it has more than "+strconv.Itoa(scale)+" decimals", "the rule round allows it")
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

// readFloatExactly reads a float as the number that its bits stand for, which
// is not what its shortest text says: 0.1 has 55 decimals.
func readFloatExactly(s string, bits int) (decimal, error) {
	f, err := parseFloat(s, bits)
	if err != nil {
		return decimal{}, err
	}
	const longest = 1074 // decimals of the smallest float
	text := strings.TrimRight(strconv.FormatFloat(f, 'f', longest, 64), "0")
	return parseDecimal(strings.TrimSuffix(text, "."))
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
	outside := refuse("it is outside the range of "+dst.String(), "")
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

// floatReader returns how a family is read as a float; nil if it is none.
func floatReader(from family, lossy Lossy) func(string) (float64, error) {
	switch from {
	case familyFloat4:
		return func(s string) (float64, error) { return parseFloat(s, 32) }
	case familyFloat8:
		return func(s string) (float64, error) { return parseFloat(s, 64) }
	case familyInteger, familyDecimal, familyText:
		return func(s string) (float64, error) { return readDecimalAsFloat(s, lossy) }
	default:
		return nil
	}
}

func parseFloat(s string, bits int) (float64, error) {
	f, err := strconv.ParseFloat(s, bits)
	switch {
	case math.IsNaN(f):
		return 0, refuse("NaN has no counterpart", "")
	case math.IsInf(f, 0):
		return 0, refuse("infinity has no counterpart", "")
	case err != nil:
		return 0, refuse("the text is not a number", "")
	}
	return f, nil
}

// readDecimalAsFloat takes a number that a float is equal to, unless it may be
// rounded to the nearest one.
func readDecimalAsFloat(s string, lossy Lossy) (float64, error) {
	if _, err := parseDecimal(s); err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, refuse("it is outside the range of float", "")
	}
	if lossy.Round {
		return f, nil
	}
	const longest = 1500 // characters; what is longer is no float's exact value
	exact, ok := new(big.Rat), len(s) <= longest
	if ok {
		_, ok = exact.SetString(s)
	}
	if !ok || exact.Cmp(new(big.Rat).SetFloat64(f)) != 0 {
		return 0, refuse("no float is equal to it", "the rule round allows the nearest")
	}
	return f, nil
}

// floatWriter writes to float and real. The target has no floats below the
// smallest normal one; it knows no negative zero either, in a comparison.
func floatWriter(read func(string) (float64, error), dst sqlType, lossy Lossy) encoder {
	bits, smallest := 64, 0x1p-1022
	if dst.name == "real" {
		bits, smallest = 32, 0x1p-126
	}
	return func(s string) (bound, error) {
		f, err := read(s)
		if err != nil {
			return bound{}, err
		}
		if bits == 32 {
			narrow := float64(float32(f))
			if math.IsInf(narrow, 0) {
				return bound{}, refuse("it is outside the range of real", "")
			}
			if narrow != f && !lossy.Round {
				return bound{}, refuse("no real is equal to it", "the rule round allows the nearest")
			}
			f = narrow
		}
		if math.Abs(f) < smallest {
			if f != 0 && !lossy.Round {
				return bound{}, refuse("it is smaller than the smallest "+dst.name, "the rule round makes it 0")
			}
			f = 0
		}
		return bindFloat(f, bits), nil
	}
}

func bindFloat(f float64, bits int) bound {
	b := bound{arg: f, terms: strconv.FormatFloat(f, 'g', -1, bits)}
	if bits == 32 {
		b.arg = float32(f)
	}
	return b
}
