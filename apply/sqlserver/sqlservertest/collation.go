package sqlservertest

import (
	"strings"
)

// Collations: those of Latin1_General and SQL_Latin1_General_CP1, all of which
// have code page 1252 but for the _UTF8 ones. Each is compared by one of four
// PostgreSQL collations that the prelude makes.

// defaultCollation is a server's that is not told otherwise.
const defaultCollation = "SQL_Latin1_General_CP1_CI_AS"

// knownCollation says whether the stand-in has a collation.
func knownCollation(name string) bool {
	upper := strings.ToUpper(name)
	for _, prefix := range []string{"SQL_LATIN1_GENERAL_CP1_", "LATIN1_GENERAL_100_", "LATIN1_GENERAL_"} {
		if rest, ok := strings.CutPrefix(upper, prefix); ok {
			rest = strings.TrimSuffix(rest, "_UTF8")
			rest = strings.TrimSuffix(rest, "_SC")
			switch rest {
			case "CI_AS", "CS_AS", "CI_AI", "CS_AI", "BIN", "BIN2", "CI_AS_KS_WS", "CS_AS_KS_WS":
				return true
			}
		}
	}
	return false
}

// pgCollation is the PostgreSQL collation that compares as name does.
func pgCollation(name string) string {
	upper := strings.ToUpper(name)
	switch {
	case strings.Contains(upper, "_BIN"):
		return `"C"`
	case strings.Contains(upper, "_CS_AS"):
		return "tsql.cs_as"
	case strings.Contains(upper, "_CS_AI"):
		return "tsql.cs_ai"
	case strings.Contains(upper, "_CI_AI"):
		return "tsql.ci_ai"
	}
	return "tsql.ci_as"
}

func isUTF8(collation string) bool {
	return strings.HasSuffix(strings.ToUpper(collation), "_UTF8")
}

// collationBytes is what TDS says of a collation: MS-TDS 2.2.5.1.2.
func collationBytes(name string) []byte {
	upper := strings.ToUpper(name)
	var flags byte // bits 20 to 27 of the first four bytes
	switch {
	case strings.Contains(upper, "_BIN2"):
		flags = 0x20
	case strings.Contains(upper, "_BIN"):
		flags = 0x10
	default:
		if !strings.Contains(upper, "_CS") {
			flags |= 0x01
		}
		if strings.Contains(upper, "_AI") {
			flags |= 0x02
		}
		if !strings.Contains(upper, "_WS") {
			flags |= 0x04 | 0x08
		}
	}
	var sort byte
	switch {
	case strings.HasPrefix(upper, "SQL_") && strings.Contains(upper, "_CS_"):
		sort = 51
	case strings.HasPrefix(upper, "SQL_"):
		sort = 52
	}
	return []byte{0x09, 0x04, flags << 4, flags >> 4, sort}
}

// windows1252 are the characters of 0x80 to 0x9f; zero where there is none.
var windows1252 = [32]rune{
	'€', 0, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', 0, 'Ž', 0,
	0, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', 0, 'ž', 'Ÿ',
}

// byte1252 is r in code page 1252; false where it has no place there.
func byte1252(r rune) (byte, bool) {
	if r < 0x80 || r >= 0xa0 && r <= 0xff {
		return byte(r), true
	}
	for i, c := range windows1252 {
		if c == r || c == 0 && r == rune(0x80+i) {
			return byte(0x80 + i), true
		}
	}
	return '?', false
}

// rune1252 is the character of a byte of code page 1252.
func rune1252(b byte) rune {
	if b >= 0x80 && b < 0xa0 && windows1252[b-0x80] != 0 {
		return windows1252[b-0x80]
	}
	return rune(b)
}

// to1252 makes of s what a varchar can hold.
func to1252(s string) string {
	var b strings.Builder
	for _, r := range s {
		c, ok := byte1252(r)
		switch {
		case ok:
			b.WriteRune(rune1252(c))
		case r >= 0x10000:
			b.WriteString("??")
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

func decode1252(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune1252(c))
	}
	return s.String()
}
