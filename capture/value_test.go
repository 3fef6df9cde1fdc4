package capture_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

func TestValueStates(t *testing.T) {
	for _, test := range []struct {
		v            capture.Value
		absent, null bool
		present      bool
		name         string
	}{
		{capture.Value{}, true, false, false, "absent"},
		{capture.Null(), false, true, false, "null"},
		{capture.Text(""), false, false, true, "present"},
		{capture.Text("null"), false, false, true, "present"},
	} {
		_, ok := test.v.Text()
		if test.v.IsAbsent() != test.absent || test.v.IsNull() != test.null || ok != test.present || test.v.String() != test.name {
			t.Errorf("%#v is absent %t, null %t, present %t", test.v, test.v.IsAbsent(), test.v.IsNull(), ok)
		}
	}
}

// TestValuesAreNotPrinted prints a change in every way that a log would.
func TestValuesAreNotPrinted(t *testing.T) {
	c := capture.Change{Op: capture.Insert, After: capture.Row{capture.Text("AB 12 34 56 C")}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "12 34") || strings.Contains(s, fmt.Sprintf("%x", "12 34")) {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}

type temporary struct{ error }

func (temporary) Retryable() bool { return true }

func TestRetryable(t *testing.T) {
	plain := errors.New("plain")
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{plain, false},
		{temporary{plain}, true},
		{fmt.Errorf("wrapped: %w", temporary{plain}), true},
		{errors.Join(plain, temporary{plain}), true},
	} {
		if got := capture.Retryable(test.err); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
}
