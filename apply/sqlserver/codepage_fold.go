package sqlserver

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// transliterate returns s with each character that has no width replaced by its
// nearest neighbours that have one. What has none stays, for the caller to
// refuse. Marks that stand apart from their letters join them first.
func transliterate(s string, width runeWidth) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(s) {
		if width(r) > 0 {
			b.WriteRune(r)
			continue
		}
		b.WriteString(nearest(r, width))
	}
	return b.String()
}

// nearest tries the table of letters that Unicode takes for letters of their
// own, then the character's base without its marks.
func nearest(r rune, width runeWidth) string {
	if plain := lookalike(r); plain != "" {
		return plain
	}
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) {
		return "" // a combining mark, or a character that is not seen
	}
	var b strings.Builder
	for _, part := range norm.NFKD.String(string(r)) {
		switch {
		case unicode.Is(unicode.Mn, part):
		case width(part) > 0:
			b.WriteRune(part)
		case lookalike(part) != "":
			b.WriteString(lookalike(part))
		default:
			return string(r)
		}
	}
	return b.String()
}

// lookalike is the usual ASCII spelling of what Unicode does not decompose.
func lookalike(r rune) string {
	switch r {
	case 'Ł':
		return "L"
	case 'ł':
		return "l"
	case 'Ø':
		return "O"
	case 'ø':
		return "o"
	case 'Đ', 'Ð', 'Ɖ':
		return "D"
	case 'đ', 'ð':
		return "d"
	case 'Ħ':
		return "H"
	case 'ħ':
		return "h"
	case 'ı':
		return "i"
	case 'ĸ':
		return "k"
	case 'Ŋ':
		return "N"
	case 'ŋ':
		return "n"
	case 'Ŧ':
		return "T"
	case 'ŧ':
		return "t"
	case 'Æ':
		return "AE"
	case 'æ':
		return "ae"
	case 'Œ':
		return "OE"
	case 'œ':
		return "oe"
	case 'Þ':
		return "Th"
	case 'þ':
		return "th"
	case 'ß':
		return "ss"
	case 'ẞ':
		return "SS"
	case 'Ə':
		return "E"
	case 'ə':
		return "e"
	case '‘', '’', '‚', '‛', '′', 'ʼ', 'ʻ', '‹', '›':
		return "'"
	case '“', '”', '„', '‟', '″', '«', '»':
		return `"`
	case '‐', '‑', '‒', '–', '—', '―', '−':
		return "-"
	case '…':
		return "..."
	case '•', '·':
		return "*"
	case '€':
		return "EUR"
	case '\u00a0', '\u202f', '\u2009', '\u2007':
		return " "
	case '⁄', '∕':
		return "/"
	default:
		return ""
	}
}
