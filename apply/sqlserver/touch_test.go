package sqlserver

import "testing"

// TestKeysThatACollationTakesForEqualFoldAlike: a later change of such a key waits
// behind a parked one.
func TestKeysThatACollationTakesForEqualFoldAlike(t *testing.T) {
	for _, same := range [][]string{
		{"Weiß", "WEISS", "weiss  ", "weiẞ"},
		{"Ægir", "aegir", "ǼGIR"},
		{"Cœur", "COEUR"},
		{"Þór", "THOR", "thór"},
		{"Søren", "soren"},
		{"Łódź", "lodz"},
		{"İzmir", "ızmır", "IZMIR", "izmir"},
		{"ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς", "οδυσσευσ"},
		{"ｶﾀｶﾅ", "カタカナ", "かたかな"},
		{"co\u00adop", "coop", "co\u200bop", "co\x00op"},
		{"ABC\u3000", "abc", "ＡＢＣ", "abc \u0301"},
		{"K1", "\u212a1", "k1"},
		{"x😀", "x😁", "x"},
		{"éa", "e\u0301a", "EA"},
	} {
		for _, s := range same {
			if got, want := fold(bound{terms: s}), fold(bound{terms: same[0]}); got != want {
				t.Errorf("%q folds to %q, and %q to %q", s, got, same[0], want)
			}
		}
	}
	for _, s := range []string{"abd", "ab c", "abcc", "ab", "a-bc", "абц"} {
		if fold(bound{terms: s}) == fold(bound{terms: "abc"}) {
			t.Errorf("%q folds like abc", s)
		}
	}
	for _, pair := range [][2]string{{"1.50", "1.5"}, {"-3.00", "-3"}, {"10", "10.0"}} {
		if fold(bound{terms: pair[0]}) != fold(bound{terms: pair[1]}) {
			t.Errorf("%s does not fold like %s", pair[0], pair[1])
		}
	}
}
