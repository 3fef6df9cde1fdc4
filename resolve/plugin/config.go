package plugin

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// Config says which plugin to start, and what is made of its failures. Name,
// Path and SHA256 are required.
type Config struct {
	Name string // names the plugin in errors and log lines
	Path string // of its executable file; a relative one is relative to the working directory
	// SHA256 is the file's checksum in hexadecimal. It is compared before each
	// start, also before one that follows a failure: a file that was replaced
	// meanwhile is not started. The file and its folder must not be writable for
	// those who may not change the rules.
	SHA256 string
	// Config is given to rules that are a [Configurer]; others refuse it.
	Config map[string]string

	StartTimeout time.Duration // longest that a start may take; 0 means 10s
	// CallTimeout is the longest that the plugin may think about one call; then
	// it is killed. What the target takes for an Emulator's questions does not
	// count. 0 means 10s.
	CallTimeout time.Duration
	// Attempts is how often in a row the plugin may end, hang or fail to start,
	// over the same call or without any, before that is an error that is not
	// retried; 0 means 5. Such a call is not made again, whoever asks.
	Attempts int
	// Backoff spaces the starts that follow failures.
	Backoff capture.Backoff
	// MaxAnswer bounds an answer, in bytes; 0 means 64 MiB.
	MaxAnswer int

	// Logger gets the plugin's log lines, without values, and tells when it is
	// started again; nil discards them.
	Logger *slog.Logger
	// Output gets what the plugin writes that is no log line, such as the trace
	// of a panic. It may hold values, and is for who develops rules; nil discards
	// it. It is written to from several goroutines, one at a time.
	Output io.Writer
}

// withDefaults returns c with what is zero filled in.
func (c Config) withDefaults() (Config, error) {
	c.Name = cmp.Or(c.Name, c.Path)
	c.StartTimeout = cmp.Or(c.StartTimeout, 10*time.Second)
	c.CallTimeout = cmp.Or(c.CallTimeout, 10*time.Second)
	c.Attempts = cmp.Or(c.Attempts, 5)
	c.MaxAnswer = cmp.Or(c.MaxAnswer, longestMessage)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler)).With("plugin", c.Name)
	if c.Output == nil {
		c.Output = io.Discard
	}
	if c.Path == "" {
		return c, c.permanent("has no path")
	}
	return c, nil
}

// verify compares the file with its checksum.
func (c *Config) verify() error {
	sum, err := fileSum(c.Path)
	switch {
	case err != nil:
		return c.permanent("cannot be read from %s: %v; give the right path, of a file that this user may read", c.Path, reason(err))
	case c.SHA256 == "":
		return c.permanent("has no sha256; that of %s is %s, to be given if it is the file that is meant", c.Path, sum)
	case !strings.EqualFold(sum, c.SHA256):
		return c.permanent("was not started, since %s is not the file that is meant: its sha256 is %s", c.Path, sum)
	}
	return nil
}

func fileSum(path string) (string, error) {
	// Another than a regular file may never end.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// reason is err without the operation and the path, which the sentence has.
func reason(err error) error {
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		return of.Err
	}
	return err
}
