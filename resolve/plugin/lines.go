package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"sync"
)

// keptKeys are the attributes that go with a plugin's log line. They are names
// and counts; every other attribute may be a value, and is left out at both ends.
var keptKeys = []string{"rule", "table", "column", "kind", "action", "op", "count"}

// logBegins is how each logLine does, to the letter: JSON's reader would take keys
// in any case, and with them what a plugin writes for somebody else.
var logBegins = []byte(`{"syncback":"log",`)

// logLine is a log line on its way from the plugin's standard error.
type logLine struct {
	Syncback string            `json:"syncback"` // "log"
	Level    slog.Level        `json:"level"`
	Message  string            `json:"msg"`
	Attrs    map[string]string `json:"attrs,omitempty"`
}

// lineHandler is the slog.Handler of a plugin.
type lineHandler struct {
	out   io.Writer
	attrs []slog.Attr // those that are kept
	group bool        // in a group, where a key means something else
}

// Enabled implements slog.Handler. The host's own handler decides further.
func (h *lineHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelDebug
}

// Handle implements slog.Handler.
func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	line := logLine{Syncback: "log", Level: r.Level, Message: r.Message, Attrs: map[string]string{}}
	keep := func(a slog.Attr) bool {
		if slices.Contains(keptKeys, a.Key) {
			line.Attrs[a.Key] = a.Value.Resolve().String()
		}
		return true
	}
	for _, a := range h.attrs {
		keep(a)
	}
	if !h.group {
		r.Attrs(keep)
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = h.out.Write(append(text, '\n')) // one write, so that lines stay whole
	return err
}

// WithAttrs implements slog.Handler.
func (h *lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if h.group {
		return h
	}
	return &lineHandler{out: h.out, attrs: slices.Concat(h.attrs, attrs)}
}

// WithGroup implements slog.Handler.
func (h *lineHandler) WithGroup(string) slog.Handler {
	return &lineHandler{out: h.out, attrs: h.attrs, group: true}
}

// lines takes what a plugin writes at the host's end: log lines go to the log,
// everything else is counted and goes to output.
type lines struct {
	logger *slog.Logger
	output io.Writer

	mu    sync.Mutex
	count int // of the lines that are no log lines
}

// notQuoted returns how many lines were no log lines.
func (l *lines) notQuoted() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// other takes what is no log line.
func (l *lines) other(p []byte) {
	if len(p) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == 0 {
		l.logger.Warn("the plugin writes something that is no log line; it is not quoted, since it may hold values")
	}
	l.count += max(1, bytes.Count(p, []byte("\n")))
	_, _ = l.output.Write(p) // whoever wants to read it sees to it
}

// Write implements io.Writer, for what is never a log line.
func (l *lines) Write(p []byte) (int, error) {
	l.other(p)
	return len(p), nil
}

// lineWriter takes the plugin's standard error.
type lineWriter struct {
	*lines
	begun []byte // a line that has no end yet
}

// longestLine is where a line is cut that has no end.
const longestLine = 64 << 10

// Write implements io.Writer.
func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		w.begun, p = append(w.begun, line...), rest
		if found || len(w.begun) > longestLine {
			w.line(w.begun)
			w.begun = w.begun[:0]
		}
	}
	return n, nil
}

func (w *lineWriter) line(text []byte) {
	var line logLine
	if !bytes.HasPrefix(text, logBegins) || json.Unmarshal(text, &line) != nil {
		w.other(append(slices.Clone(text), '\n'))
		return
	}
	var attrs []slog.Attr
	for _, key := range keptKeys {
		if v, ok := line.Attrs[key]; ok {
			attrs = append(attrs, slog.String(key, oneLine([]byte(v))))
		}
	}
	w.logger.LogAttrs(context.Background(), line.Level, oneLine([]byte(line.Message)), attrs...)
}
