package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"
)

// mostText is more than the mapping of every table of a large system takes, and
// less than a file that was named by mistake.
const mostText = 4 << 20

// readText returns what the file holds, which is to be text in UTF-8. The mark
// that some editors put in front of that is taken off.
func readText(file string) ([]byte, error) {
	if file == "" {
		return nil, misuse("-c was given no name; name the configuration with -c FILE")
	}
	text, err := readSome(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, misuse("%s: there is no such file; name the configuration with -c FILE", file)
	}
	if err != nil {
		return nil, misuse("%s cannot be read: %s; name a file that this user may read with -c FILE", file, reason(err))
	}
	if len(text) > mostText {
		return nil, misuse("%s: is larger than 4 MiB, and so no configuration; name it with -c FILE", file)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	return text, checkText(file, text)
}

// readSome reads no more than tells that there is too much.
func readSome(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, mostText+1))
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
