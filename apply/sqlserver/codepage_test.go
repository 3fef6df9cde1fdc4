package sqlserver

import (
	"context"
	"database/sql"
	"slices"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/capture"
)

// pageCase is text at the limit of what a code page can hold.
type pageCase struct {
	collation string
	page      int
	text      string // fits
	bytes     int    // that it takes
	not       rune   // the page lacks it
}

func pageCases() []pageCase {
	return []pageCase{
		{"Thai_CI_AS", 874, "กข€", 3, 'é'},
		{"Japanese_CI_AS", 932, "日本ｱa", 6, '¥'},
		{"Chinese_PRC_CI_AS", 936, "汉字a", 5, '😀'},
		{"Korean_Wansung_CI_AS", 949, "한글a", 5, 'é'},
		{"Chinese_Taiwan_Stroke_CI_AS", 950, "漢字a", 5, '㐂'},
		{"Polish_CI_AS", 1250, "Łódź", 4, 'ø'},
		{"Cyrillic_General_CI_AS", 1251, "Жы№", 3, 'é'},
		{"Latin1_General_CI_AS", 1252, "Žœ€ÿ", 4, 'Ş'},
		{"Greek_CI_AS", 1253, "Ωά", 2, 'é'},
		{"Turkish_CI_AS", 1254, "ŞİĞı", 4, 'Ł'},
		{"Hebrew_CI_AS", 1255, "שלום₪", 5, 'é'},
		{"Arabic_CI_AS", 1256, "شكرا", 4, 'Ж'},
		{"Estonian_CI_AS", 1257, "õŠģ", 3, 'Ş'},
		{"Vietnamese_CI_AS", 1258, "ơđ₫", 3, 'Ş'},
		{"Latin1_General_100_CI_AS_SC_UTF8", 65001, "日é😀a", 10, 0},
		{"SQL_Latin1_General_CP437_CI_AS", 437, "éα█", 3, '€'},
		{"SQL_Latin1_General_CP850_CI_AS", 850, "éþ█", 3, '€'},
		{"of a page that is not known", 1, "plain", 5, 'é'},
	}
}

func (c pageCase) encode(t *testing.T, typ sqlType, s string) (bound, error) {
	t.Helper()
	typ.collation, typ.codePage = c.collation, c.page
	codec, err := newCodec(source("text"), typ, codecOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return codec.encode(capture.Text(s))
}

// A length of char and varchar is in bytes of the collation's code page.
func TestCodePagesAtTheirLimits(t *testing.T) {
	for _, c := range pageCases() {
		for _, name := range []string{"char", "varchar"} {
			if b, err := c.encode(t, sqlType{name: name, length: c.bytes}, c.text); err != nil || b.terms != c.text {
				t.Errorf("%q in %d bytes of page %d: %q, %v", c.text, c.bytes, c.page, b.terms, err)
			}
			if _, err := c.encode(t, sqlType{name: name, length: c.bytes - 1}, c.text); err == nil {
				t.Errorf("%q fits %d bytes of page %d", c.text, c.bytes-1, c.page)
			}
			if c.not == 0 {
				continue
			}
			if _, err := c.encode(t, sqlType{name: name, length: 10}, string(c.not)); err == nil {
				t.Errorf("page %d takes %q", c.page, c.not)
			}
		}
	}
}

// TestCodePagesRoundTrip tells whether text outside ASCII arrives in columns of
// other code pages than the database's, and is told from other text there.
func TestCodePagesRoundTrip(t *testing.T) {
	ctx, conn := onServer(t)
	for _, c := range pageCases() {
		if !hasCollation(ctx, t, conn, c.collation) {
			continue
		}
		for _, typ := range []sqlType{{name: "char", length: 20}, {name: "varchar", length: 20}, {name: "text"}} {
			typ.collation, typ.codePage = c.collation, c.page
			t.Run(c.collation+"/"+typ.name, func(t *testing.T) {
				if typ.name == "char" && c.page != 1252 && isBabelfish(ctx, t, conn) {
					t.Skip("Babelfish pads a char in code page 1252, whatever its collation's is")
				}
				c.roundTrip(ctx, t, conn, typ)
			})
		}
	}
}

func (c pageCase) roundTrip(ctx context.Context, t *testing.T, conn *sql.Conn, typ sqlType) {
	reversed := []rune(c.text)
	slices.Reverse(reversed)
	var of []sample
	for _, text := range []string{c.text, c.text[:len(c.text)-len(string(reversed[0]))], string(reversed), "plain"} {
		b, err := c.encode(t, typ, text)
		if err != nil {
			t.Fatal(err)
		}
		of = append(of, sample{encodeCase{src: c.collation, text: text}, typ, b})
	}
	roundTrip(ctx, t, conn, of)
}

// hasCollation reports whether the server knows a collation: Babelfish has few
// of them.
func hasCollation(ctx context.Context, t *testing.T, conn *sql.Conn, name string) bool {
	t.Helper()
	var n int
	err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM sys.fn_helpcollations() WHERE LOWER(name) = LOWER(@p1)",
		mssql.VarChar(name)).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestTransliterate(t *testing.T) {
	width := sqlType{name: "varchar", codePage: 1252}.width()
	for in, want := range map[string]string{
		"Şahin":              "Sahin",
		"Łódź":               "Lódz",
		"Nguyễn Văn":         "Nguyen Van",
		"“It’s” – fine…":     "“It’s” – fine…", // they are in the page
		"′x″ ‐ −":            "'x\" - -",
		"e\u0301":            "é",
		"a\u200bb":           "ab",
		"Æther ĳ ŉ":          "Æther ij 'n",
		"日":                  "日",
		"Đorđe Ħal İstanbul": "Dorde Hal Istanbul",
	} {
		if got := transliterate(in, width); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
