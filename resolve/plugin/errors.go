package plugin

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// Error says what a plugin returned as its error, or what became of it. It is
// retryable where the plugin said so, and where its process ended or was killed
// and is started again.
type Error struct {
	Plugin  string // its name in the configuration
	Problem string // what it did: "did not answer within 10s and was killed"
	Err     error  // what the plugin's error is about, where that is known here; may be nil

	retryable bool
}

// Error is one sentence that names the plugin.
func (e *Error) Error() string { return "plugin " + e.Plugin + " " + e.Problem }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether the same call may succeed.
func (e *Error) Retryable() bool { return e.retryable }

func (c *Config) permanent(format string, args ...any) *Error {
	return &Error{Plugin: c.Name, Problem: fmt.Sprintf(format, args...)}
}

func (c *Config) passing(format string, args ...any) *Error {
	return &Error{Plugin: c.Name, Problem: fmt.Sprintf(format, args...), retryable: true}
}

// problem returns what an error says of its plugin, without the name.
func problem(err error) string {
	if of := (*Error)(nil); errors.As(err, &of) {
		return of.Problem
	}
	return err.Error()
}

// panicError is a panic of the rules. What they panicked with may hold values,
// and only its type is kept.
type panicError struct{ of string }

func (e *panicError) Error() string { return "it panicked with a " + e.of }

// guarded calls the rules.
func guarded(rules func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{of: fmt.Sprintf("%T", v)}
		}
	}()
	return rules()
}

// encodeFailure is how an error of the rules, or of the target, crosses.
func encodeFailure(err error) *wire.Failure {
	var panicked *panicError
	if errors.As(err, &panicked) {
		return &wire.Failure{Message: []byte(panicked.of), Panicked: true}
	}
	out := &wire.Failure{Message: []byte(err.Error()), Retryable: capture.Retryable(err)}
	var target *targetError
	if errors.As(err, &target) {
		out.Cause = target.question
	}
	return out
}

// oneLine is a text of the other side, fit for an error and a log line.
func oneLine(text []byte) string {
	const most = 500
	s := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(text), "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
