package sqlserver

import "testing"

func TestParseName(t *testing.T) {
	for in, want := range map[string]name{
		"tenagree":           {"dbo", "tenagree"},
		"dbo.tenagree":       {"dbo", "tenagree"},
		"[dbo].[ten agree]":  {"dbo", "ten agree"},
		"[a.b].[c]]d]":       {"a.b", "c]d"},
		`"Ten".'x`:           {"Ten", "'x"},
		`"say ""when"""`:     {"dbo", `say "when"`},
		"dbo.🏠":              {"dbo", "🏠"},
		"sales.[odd.[name]":  {"sales", "odd.[name"},
		"[two words].plain":  {"two words", "plain"},
		" spaced . kept ":    {" spaced ", " kept "},
		"[]]].[]]]]]":        {"]", "]]"},
		`mixed."Case Table"`: {"mixed", "Case Table"},
	} {
		got, err := parseTarget(in)
		if err != nil || got != want {
			t.Errorf("parseTarget(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
	for _, in := range []string{"", ".", "a.", ".a", "a.b.c", "[a", "[a]b", "[a].", `"a`, "[].b", "a..b"} {
		if got, err := parseTarget(in); err == nil {
			t.Errorf("parseTarget(%q) = %+v; want an error", in, got)
		}
	}
}

func TestQuoteDoublesTheClosingBracket(t *testing.T) {
	n := name{"a]b", `c"'[d]`}
	if got, want := n.quoted(), `[a]]b].[c"'[d]]]`; got != want {
		t.Errorf("quoted = %s, want %s", got, want)
	}
	back, err := parseTarget(n.quoted())
	if err != nil || back != n {
		t.Errorf("parseTarget(%s) = %+v, %v; want %+v", n.quoted(), back, err, n)
	}
	if got, want := quoteText("it's"), "N'it''s'"; got != want {
		t.Errorf("quoteText = %s, want %s", got, want)
	}
}
