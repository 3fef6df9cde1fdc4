package sqlserver

import (
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// utf8Page is the code page of the collations whose names end in _UTF8.
const utf8Page = 65001

// pageEncoding returns the encoding of a Windows code page that a collation can
// have; nil for one that is not known, where only ASCII can be written.
func pageEncoding(page int) encoding.Encoding {
	switch page {
	case 437:
		return charmap.CodePage437
	case 850:
		return charmap.CodePage850
	case 874:
		return charmap.Windows874
	case 932:
		return japanese.ShiftJIS
	case 936:
		return simplifiedchinese.GBK
	case 949:
		return korean.EUCKR
	case 950:
		return traditionalchinese.Big5
	case 1250:
		return charmap.Windows1250
	case 1251:
		return charmap.Windows1251
	case 1252:
		return charmap.Windows1252
	case 1253:
		return charmap.Windows1253
	case 1254:
		return charmap.Windows1254
	case 1255:
		return charmap.Windows1255
	case 1256:
		return charmap.Windows1256
	case 1257:
		return charmap.Windows1257
	case 1258:
		return charmap.Windows1258
	default:
		return nil
	}
}

// runeWidth tells how many units of length a character takes in a column; 0
// means that the column cannot hold it.
type runeWidth func(r rune) int

// width returns the runeWidth of a text type. What it returns is not safe for
// concurrent use, because encoders are not.
func (t sqlType) width() runeWidth {
	if t.class() == classNChar {
		return utf16Width
	}
	if t.codePage == utf8Page {
		return utf8.RuneLen
	}
	page := pageEncoding(t.codePage)
	if page == nil {
		return asciiWidth
	}
	if table, ok := page.(*charmap.Charmap); ok {
		return func(r rune) int {
			if b, ok := table.EncodeRune(r); ok && table.DecodeByte(b) == r || isUndefined(r, table) {
				return 1
			}
			return 0
		}
	}
	return pageWidth(page, t.codePage)
}

// isUndefined reports whether a character is the control that Windows has in place
// of a byte that the code page does not define: U+0081 of 0x81 in 1252 (Unicode's
// bestfit1252.txt, which is Microsoft's, and its like).
func isUndefined(r rune, table *charmap.Charmap) bool {
	return r >= 0x80 && r <= 0x9F && table.DecodeByte(byte(r)) == utf8.RuneError
}

func utf16Width(r rune) int {
	if r > 0xFFFF {
		return 2
	}
	return 1
}

func asciiWidth(r rune) int {
	if r < utf8.RuneSelf {
		return 1
	}
	return 0
}

// pageWidth encodes and decodes, because some encoders of the web's standards
// take a character that comes back as another: a yen sign as a backslash.
func pageWidth(page encoding.Encoding, number int) runeWidth {
	to, from := page.NewEncoder(), page.NewDecoder()
	return func(r rune) int {
		there, err := to.String(string(r))
		if err != nil || number == 950 && webOnly(there) {
			return 0
		}
		if back, err := from.String(there); err != nil || back != string(r) {
			return 0
		}
		return len(there)
	}
}

// webOnly reports whether a character of the web's Big5 is not in code page 950,
// which has none of the Hong Kong extensions.
func webOnly(big5 string) bool {
	if len(big5) != 2 {
		return false
	}
	high, low := big5[0], big5[1]
	between := high > 0xC6 || high == 0xC6 && low >= 0xA1
	return high < 0xA1 || between && high <= 0xC8 || high == 0xFF
}
