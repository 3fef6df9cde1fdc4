package main_test

import (
	crypto "crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// marks are values that occur nowhere by accident, and so tell where a value
// was shown.
type marks struct {
	t     *testing.T
	words []string
}

// add notes a value.
func (m *marks) add(value string) string {
	m.words = append(m.words, value)
	return value
}

// word is a new text.
func (m *marks) word() string { return m.add("mark" + strings.ToLower(crypto.Text()[:12])) }

// number is a new number of so many digits. Fewer than seven would occur by
// accident.
func (m *marks) number(digits int) string { return m.add("7" + chance(digits-1)) }

// chance are so many digits.
func chance(digits int) string {
	var b strings.Builder
	for range digits {
		b.WriteByte('0' + byte(rand.N(10)))
	}
	return b.String()
}

// found returns the marks that text shows in one form or another.
func (m *marks) found(text string) []string {
	var shown []string
	text = strings.ToLower(text)
	for _, word := range m.words {
		for _, form := range forms(word) {
			if strings.Contains(text, strings.ToLower(form)) {
				shown = append(shown, word+" as "+form)
			}
		}
	}
	return shown
}

// forms are the ways in which a value may be shown: itself, as a URL has it, in
// quotes, in hexadecimal, in base 64, and a piece of it that was cut off.
func forms(word string) []string {
	all := []string{
		word, url.QueryEscape(word), url.PathEscape(word), url.UserPassword("", word).String()[1:],
		strings.Trim(strconv.Quote(word), `"`), hex.EncodeToString([]byte(word)),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(word)), "="),
	}
	if len(word) > 12 {
		all = append(all, word[:12], word[len(word)-12:])
	}
	return all
}

// expectNone fails where text shows a mark.
func (m *marks) expectNone(where, text string) {
	m.t.Helper()
	if shown := m.found(text); len(shown) > 0 {
		m.t.Errorf("%s shows %s:\n%s", where, strings.Join(shown, ", "), text)
	}
}

// TestMarksAreFound plants leaks of every form.
func TestMarksAreFound(t *testing.T) {
	t.Parallel()
	m := &marks{t: t}
	word, number := m.word(), m.number(9)
	secret := m.add(`p@ss "word"/` + crypto.Text())
	m.expectNone("a text without any", "insert in dbo.t at 0/16B2D50: SQL Server error 2627")
	for _, leak := range []string{
		"the value (" + word + ")", "MARK" + strings.ToUpper(word[4:]), "cut: " + word[:13] + "…", "number " + number + ",",
		"://u:" + url.QueryEscape(secret) + "@h", url.UserPassword("u", secret).String(), strconv.Quote(secret),
		hex.EncodeToString([]byte(word)), base64.StdEncoding.EncodeToString([]byte(number)),
	} {
		if len(m.found(leak)) == 0 {
			t.Errorf("not found in %s", leak)
		}
	}
}
