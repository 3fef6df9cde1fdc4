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

// lookalikes are the usual ASCII spellings of what Unicode does not decompose,
// each behind its character.
const lookalikes = "ŁL łl ØO øo ĐD ÐD ƉD đd ðd ĦH ħh ıi ĸk ŊN ŋn ŦT ŧt ÆAE æae ŒOE œoe ÞTh þth ßss ẞSS ƏE əe " +
	"‘' ’' ‚' ‛' ′' ʼ' ʻ' ‹' ›' “\" ”\" „\" ‟\" ″\" «\" »\" ‐- ‑- ‒- –- —- ―- −- …... •* ·* €EUR ⁄/ ∕/"

// lookalike returns the spelling of a character in lookalikes, and a blank for
// one that is a blank of another width; "" for any other.
func lookalike(r rune) string {
	if unicode.Is(unicode.Zs, r) {
		return " "
	}
	for entry := range strings.FieldsSeq(lookalikes) {
		if plain, ok := strings.CutPrefix(entry, string(r)); ok && plain != "" {
			return plain
		}
	}
	return ""
}
