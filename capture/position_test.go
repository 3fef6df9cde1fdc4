package capture_test

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

func TestParsePosition(t *testing.T) {
	for in, want := range map[string]capture.Position{
		"0/0":               0,
		"16/B374D848":       0x16B374D848,
		"16/b374d848":       0x16B374D848,
		"00000016/0000000a": 0x160000000A,
		"FFFFFFFF/FFFFFFFF": 1<<64 - 1,
	} {
		if p, err := capture.ParsePosition(in); err != nil || p != want {
			t.Errorf("%s is %d, %v, want %d", in, p, err, want)
		}
	}
	for _, in := range []string{
		"", "/", "16", "16/", "/16", "16/B374D848xyz", " 16/1", "16/1 ", "16/1\n", "+1/1", "-1/1", "1/-1", "0x1/1",
		"1_0/1", "1/1/1", "123456789/1", "1/123456789", "१/1",
	} {
		if p, err := capture.ParsePosition(in); err == nil {
			t.Errorf("%q is read as %s", in, p)
		}
	}
	if _, err := capture.ParsePosition(strings.Repeat("x", 1000)); len(err.Error()) > 200 {
		t.Errorf("the error repeats all of what was read: %d bytes", len(err.Error()))
	}
}

// FuzzParsePosition: what is read is written the same way, but for capitals and
// zeros in front; and what is written is read back.
func FuzzParsePosition(f *testing.F) {
	f.Add("16/B374D848", uint64(0x16B374D848))
	f.Add("0/0", uint64(0))
	f.Add("ffffffff/00000001", ^uint64(0))
	f.Fuzz(func(t *testing.T, s string, n uint64) {
		if p, err := capture.ParsePosition(s); err == nil {
			high, low, _ := strings.Cut(p.String(), "/")
			h, l, _ := strings.Cut(strings.ToUpper(s), "/")
			if trim(h) != trim(high) || trim(l) != trim(low) {
				t.Errorf("%q is read as %s", s, p)
			}
		}
		p := capture.Position(n)
		if again, err := capture.ParsePosition(p.String()); err != nil || again != p {
			t.Errorf("%s is read back as %s, %v", p, again, err)
		}
	})
}

func trim(s string) string { return strings.TrimLeft(s, "0") }
