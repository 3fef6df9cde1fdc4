package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// textFile is a file of text that a flag names.
type textFile struct {
	what string // it has
	kind string // of text that is
	flag string
	most int // MiB that it may have
}

// The most that a file may have is more than any that is meant takes, and less
// than memory: another may have been named by mistake.
var (
	configFile = textFile{"the configuration", "configuration", "-c", 4}
	policyFile = textFile{"the configuration with the policies to try", "configuration", "--policy", 4}
	rowFile    = textFile{"the row, a JSON object,", "row", "--row", 64}
)

// read returns what the file holds, which is to be text in UTF-8. The mark that
// some editors put in front of that is taken off.
func (t textFile) read(file string) ([]byte, error) {
	if file == "" {
		return nil, misuse("%s was given no name; name %s with %[1]s FILE", t.flag, t.what)
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, misuse("%s: there is no such file; name %s with %s FILE", file, t.what, t.flag)
	case err == nil && !info.Mode().IsRegular() && !info.IsDir() && (t == rowFile || !isStream(file)):
		return nil, misuse("%s: is not a regular file; name one that has %s with %s FILE", file, t.what, t.flag)
	}
	text, err := readSome(file, t.most<<20)
	if err != nil {
		return nil, misuse("%s cannot be read: %s; name a file that this user may read with %s FILE", file, reason(err), t.flag)
	}
	if len(text) > t.most<<20 {
		return nil, misuse("%s: is larger than %d MiB, and so no %s; name it with %s FILE", file, t.most, t.kind, t.flag)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return text, checkText(file, text)
}

// isStream reports whether file is what the program was started with, rather than
// something in a folder.
func isStream(file string) bool {
	return file == "/dev/stdin" || filepath.Dir(file) == "/dev/fd"
}

// readSome reads no more than tells that there are more than most bytes.
func readSome(file string, most int) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, int64(most)+1))
}

// reason is err without the operation and the path, which the sentence has.
func reason(err error) string {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	return err.Error()
}

// checkText refuses what YAML does not allow in a text, and what a parser may
// make something else of.
func checkText(file string, text []byte) error {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return misuse("%s: is text in UTF-16; save it as UTF-8", file)
	}
	line := 1
	for rest := text; len(rest) > 0; {
		c, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		switch {
		case c == utf8.RuneError && n == 1:
			return misuse("%s line %d: is not text in UTF-8; save the file as UTF-8", file, line)
		case c == '\n':
			line++
		case c < ' ' && c != '\t' && c != '\r', c == 0x7f:
			return misuse("%s line %d: holds the control character %U; take it out", file, line, c)
		}
	}
	return nil
}
