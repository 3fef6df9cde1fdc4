package main

import (
	"io"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
)

// secrets are what must not be shown: the DSNs, and the passwords in them the
// way that a DSN has them. The libraries keep both out of their errors; drivers
// and servers are not ours, so whatever leaves this program goes through clean
// first. A password that stands alone is left: it may be a word like any other.
type secrets struct {
	replace atomic.Pointer[strings.Replacer]
}

var keywordPassword = regexp.MustCompile(`(?i)(?:password|pwd)\s*=\s*(?:'(?:[^'\\]|\\.)*'|[^;&\s]*)`)

// hide adds DSNs to what is kept back.
func (s *secrets) hide(dsns ...string) {
	const hidden = "[hidden]"
	var pairs []string
	for _, dsn := range dsns {
		if dsn != "" {
			pairs = append(pairs, dsn, hidden)
		}
	}
	for _, dsn := range dsns {
		if u, err := url.Parse(dsn); err == nil && u.User != nil {
			plain, _ := u.User.Password()
			_, quoted, _ := strings.Cut(u.User.String(), ":")
			pairs = append(pairs, ":"+plain+"@", ":"+hidden+"@", ":"+quoted+"@", ":"+hidden+"@")
		}
		for _, found := range keywordPassword.FindAllString(dsn, -1) {
			pairs = append(pairs, found, hidden)
		}
	}
	s.replace.Store(strings.NewReplacer(pairs...))
}

// clean returns text without the secrets.
func (s *secrets) clean(text string) string {
	if r := s.replace.Load(); r != nil {
		return r.Replace(text)
	}
	return text
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
