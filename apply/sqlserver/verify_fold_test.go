package sqlserver

import "testing"

// What a touch does not tell apart, a comparison of the two sides looks at together.
func TestKeysThatATouchTakesForEqualAreComparedTogether(t *testing.T) {
	for _, typ := range []sqlType{{name: "nvarchar", length: 20}, {name: "char", length: 20, codePage: 1252}} {
		for _, same := range [][2]string{{"Æble", "AEBLE"}, {"Þor", "thor"}, {"a\u00adb", "ab"}, {"か", "カ"}, {"ﾊ", "は"}, {"éa ", "EA"}, {"ab  ", "AB"}} {
			if a, b := typ.fold(same[0]), typ.fold(same[1]); a != b {
				t.Errorf("%s: %q folds to %q, and %q to %q", typ, same[0], a, same[1], b)
			}
		}
	}
}
