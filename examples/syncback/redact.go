package main

import (
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// secrets are what must not be shown: the DSNs, the passwords in them the way
// that a DSN has them, and variables that plugins are configured with. The
// libraries keep both out of their errors; drivers and servers are not ours, so
// whatever leaves this program goes through clean first. A password that stands alone is left: it may be a word like any other.
type secrets struct {
	replace atomic.Pointer[strings.Replacer]
}

// urlPassword is a password in any URL, one that was given in the wrong place
// among them. The one of our own examples may be seen.
var urlPassword = regexp.MustCompile(`://[^\s/:@]*:[^\s]*@`)

func hidePassword(url string) string {
	if url == "://user:password@" {
		return url
	}
	user, _, _ := strings.Cut(strings.TrimPrefix(url, "://"), ":")
	return "://" + user + ":" + hidden + "@"
}

var keywordPassword = regexp.MustCompile(`(?i)(?:password|pwd)\s*=\s*(?:'(?:[^'\\]|\\.)*'|[^;&\s]*)`)

const hidden = "[hidden]"

// hide says what is kept back: DSNs, and other texts.
func (s *secrets) hide(texts ...string) {
	slices.SortStableFunc(texts, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	var pairs []string
	for _, text := range texts {
		if text != "" {
			pairs = append(pairs, text, hidden, escaped(text), hidden)
		}
	}
	for _, dsn := range texts {
		if u, err := url.Parse(dsn); err == nil && u.User != nil {
			plain, _ := u.User.Password()
			_, quoted, _ := strings.Cut(u.User.String(), ":")
			for _, form := range []string{plain, quoted, escaped(plain)} {
				pairs = append(pairs, ":"+form+"@", ":"+hidden+"@")
			}
		}
		for _, found := range keywordPassword.FindAllString(dsn, -1) {
			pairs = append(pairs, found, hidden)
		}
	}
	s.replace.Store(strings.NewReplacer(pairs...))
}

// escaped is text the way that a log line has it.
func escaped(text string) string { return strings.Trim(strconv.Quote(text), `"`) }

// clean returns text without the secrets.
func (s *secrets) clean(text string) string {
	if r := s.replace.Load(); r != nil {
		text = r.Replace(text)
	}
	return urlPassword.ReplaceAllStringFunc(text, hidePassword)
}

// redactor passes on what is written to it, cleaned. It is given whole lines,
// so that no secret is split.
type redactor struct {
	w       io.Writer
	secrets *secrets
}

func (r *redactor) Write(p []byte) (int, error) {
	if _, err := io.WriteString(r.w, r.secrets.clean(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
