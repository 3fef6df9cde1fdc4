package sqlserver

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

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
		return 0, outOfRange("NaN has no counterpart", "")
	case math.IsInf(f, 0):
		return 0, outOfRange("infinity has no counterpart", "")
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
		return 0, outOfRange("it is outside the range of float", "")
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
		return 0, outOfRange("no float is equal to it", "the rule round allows the nearest")
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
				return bound{}, outOfRange("it is outside the range of real", "")
			}
			if narrow != f && !lossy.Round {
				return bound{}, outOfRange("no real is equal to it", "the rule round allows the nearest")
			}
			f = narrow
		}
		if math.Abs(f) < smallest {
			if f != 0 && !lossy.Round {
				return bound{}, outOfRange("it is smaller than the smallest "+dst.name, "the rule round makes it 0")
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
