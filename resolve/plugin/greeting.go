package plugin

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// greeting takes the plugin's standard output. The first line is go-plugin's
// handshake, "1|1|unix|/tmp/x|grpc|certificate", and is handed on where it is
// one. Nothing else belongs there: it goes where the plugin's other output does.
type greeting struct {
	forGoPlugin *io.PipeReader
	first       *io.PipeWriter
	rest        io.Writer

	mu      sync.Mutex
	line    []byte // so far
	whole   bool
	problem string // why it is no handshake of ours; the zero value while there is none
}

// longestGreeting bounds the first line; one with a certificate has about 1,000
// bytes.
const longestGreeting = 64 << 10

func newGreeting(rest io.Writer) *greeting {
	r, w := io.Pipe()
	return &greeting{forGoPlugin: r, first: w, rest: rest}
}

// Write implements io.Writer.
func (g *greeting) Write(p []byte) (int, error) {
	line, rest := g.take(p)
	if line != nil {
		if _, err := g.first.Write(line); err != nil {
			return 0, err
		}
	}
	if _, err := g.rest.Write(rest); err != nil {
		return 0, err
	}
	return len(p), nil
}

// take returns the first line, once it is there and is a handshake, and what of
// p is behind it.
func (g *greeting) take(p []byte) (line, rest []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.whole {
		return nil, p
	}
	before, after, found := bytes.Cut(p, []byte("\n"))
	g.line = append(g.line, before...)
	if !found && len(g.line) < longestGreeting {
		return nil, nil
	}
	g.whole = true
	if g.problem = wrongGreeting(string(g.line)); g.problem != "" {
		g.first.Close()
		return nil, append(g.line, p[len(before):]...)
	}
	return append(g.line, '\n'), after
}

// wrongGreeting says, as the end of a sentence, what is wrong with the first
// line that a plugin wrote. It does not quote it.
func wrongGreeting(line string) string {
	parts := strings.Split(line, "|")
	if len(parts) < 6 || parts[0] != "1" {
		return "is not a plugin, or wrote to its standard output before it said that it is one"
	}
	spoken, err := strconv.Atoi(parts[1])
	switch {
	case err != nil:
		return "is not a plugin"
	case spoken != version:
		return fmt.Sprintf("speaks version %d of the protocol, and this program speaks version %d; build the two with the same release", spoken, version)
	case parts[4] != "grpc":
		return "does not speak gRPC"
	case len(parts[5]) < 51:
		return "has no certificate, without which nobody knows who answers"
	}
	return ""
}

// end says that nothing more comes.
func (g *greeting) end() { g.first.Close() }

// wrong returns what is wrong, and whether there was a first line at all.
func (g *greeting) wrong() (problem string, greeted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.problem, g.whole
}
