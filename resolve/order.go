package resolve

import (
	"math/big"
	"strings"
)

// compareAs compares two values of one of the target's types, in the form that a
// Conflict has them in. It is false for a type that has no order that both sides
// agree on.
func compareAs(base, x, y string) (order int, ok bool) {
	switch name, _, _ := strings.Cut(base, "("); name {
	case "tinyint", "smallint", "int", "bigint", "bit", "decimal", "numeric", "money", "smallmoney", "float", "real":
		a, ok1 := number(x)
		b, ok2 := number(y)
		if !ok1 || !ok2 {
			return 0, false
		}
		return a.Cmp(b), true
	case "date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset":
		return strings.Compare(x, y), true // ISO 8601, of one length and one offset
	default:
		return 0, false
	}
}

// longestNumber is far above what any type of the target writes: a float of
// 1e308 has its exponent, a decimal has 38 digits.
const longestNumber = 64

// number reads a number of the target.
func number(s string) (*big.Rat, bool) {
	if len(s) > longestNumber {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}
