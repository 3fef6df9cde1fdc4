package resolve

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/syncback/syncback/capture"
)

// ColumnValues is one column of a conflict. A value is absent where it is not
// known, or where there is no such row.
type ColumnValues struct {
	Type                    string // the target's: "numeric(9,2)"
	Base, Incoming, Current capture.Value
}

// ColumnRule decides one column: it returns the value that the target's row is
// to have, absent to leave it as it is, and whether it could decide at all.
type ColumnRule func(v ColumnValues) (merged capture.Value, decided bool)

// SourceColumn takes the source's value; where the source sent none it leaves
// the target's.
func SourceColumn() ColumnRule {
	return func(v ColumnValues) (capture.Value, bool) { return v.Incoming, true }
}

// TargetColumn leaves the target's value; in a row that is missing there it
// takes the source's.
func TargetColumn() ColumnRule {
	return func(v ColumnValues) (capture.Value, bool) {
		if v.Current.IsAbsent() {
			return v.Incoming, true
		}
		return v.Current, true
	}
}

// LaterColumn takes the later, or greater, of the two values, and the one that
// is not null of one that is. It does not decide text.
func LaterColumn() ColumnRule {
	return func(v ColumnValues) (capture.Value, bool) {
		switch {
		case v.Incoming.IsAbsent(), v.Incoming.IsNull():
			return v.Current, true
		case v.Current.IsAbsent(), v.Current.IsNull():
			return v.Incoming, true
		}
		x, _ := v.Incoming.Text()
		y, _ := v.Current.Text()
		order, ok := compareAs(v.Type, x, y)
		if ok && order > 0 {
			return v.Incoming, true
		}
		return v.Current, ok
	}
}

// FillBlank takes the source's value where the target has none: null, or one of
// the blanks, such as "", "?" or "1900-01-01T00:00:00". Trailing blanks do not
// count. Where the target has a value it is left.
func FillBlank(blanks ...string) ColumnRule {
	blanks = slices.Clone(blanks)
	return func(v ColumnValues) (capture.Value, bool) {
		text, ok := v.Current.Text()
		if !ok || slices.Contains(blanks, strings.TrimRight(text, " ")) {
			return SourceColumn()(v)
		}
		return v.Current, true
	}
}

// Additive adds to the target's number what the source's change added to its
// own. It decides exact numbers alone, and only where all three are known. The
// sum may be one that the column cannot hold; the target then refuses it.
func Additive() ColumnRule {
	return func(v ColumnValues) (capture.Value, bool) {
		decimals, exact := decimalsOf(v.Type)
		if !exact {
			return capture.Value{}, false
		}
		var n [3]*big.Rat
		for i, value := range []capture.Value{v.Base, v.Incoming, v.Current} {
			text, ok := value.Text()
			if ok {
				n[i], ok = number(text)
			}
			if !ok {
				return capture.Value{}, false
			}
		}
		sum := n[1].Sub(n[1], n[0])
		return capture.Text(sum.Add(sum, n[2]).FloatString(decimals)), true
	}
}

// decimalsOf returns how many decimals a type of exact numbers has.
func decimalsOf(typ string) (int, bool) {
	name, args, _ := strings.Cut(strings.TrimSuffix(typ, ")"), "(")
	switch name {
	case "tinyint", "smallint", "int", "bigint":
		return 0, true
	case "money", "smallmoney":
		return 4, true
	case "decimal", "numeric":
		_, scale, _ := strings.Cut(args, ",")
		n, err := strconv.Atoi(scale)
		return n, err == nil
	default:
		return 0, false
	}
}

// Map takes the target's code for the source's, which stands in codes. A code
// that is not there is undecided; so is a value that is null.
func Map(codes map[string]string) ColumnRule {
	codes = maps.Clone(codes)
	return func(v ColumnValues) (capture.Value, bool) {
		text, ok := v.Incoming.Text()
		if !ok {
			return capture.Value{}, false
		}
		code, ok := codes[strings.TrimRight(text, " ")]
		return capture.Text(code), ok
	}
}
