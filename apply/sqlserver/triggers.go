package sqlserver

import (
	"fmt"
	"reflect"

	"github.com/syncback/syncback/resolve"
)

// Triggers says what a table's triggers do about what is written here.
type Triggers uint8

const (
	// FireTriggers lets them fire, as on any other write. It is the zero value.
	FireTriggers Triggers = iota
	// SuppressTriggers tells them to stay silent: while a statement of the table
	// runs, the session's CONTEXT_INFO is [SilentMarker]. Nothing is disabled; a
	// trigger stays silent only if it looks for the marker.
	SuppressTriggers
	// EmulateTriggers tells them so as well, and has Table.Emulator do instead
	// what they would have done.
	EmulateTriggers
)

// triggersNames are the names in configuration.
var triggersNames = [...]string{FireTriggers: "fire", SuppressTriggers: "suppress", EmulateTriggers: "emulate"}

// String returns the name, such as "suppress".
func (t Triggers) String() string {
	if int(t) >= len(triggersNames) {
		return "invalid"
	}
	return triggersNames[t]
}

// ParseTriggers returns the Triggers of that name, and false where there are
// none.
func ParseTriggers(name string) (Triggers, bool) {
	for t, n := range triggersNames {
		if n == name {
			return Triggers(t), true
		}
	}
	return 0, false
}

// SilentMarker is what CONTEXT_INFO begins with, as T-SQL writes it, while
// triggers are to stay silent. One that honours it begins with
//
//	IF SUBSTRING(CONTEXT_INFO(), 1, 8) = 0x73796E636261636B RETURN
const SilentMarker = "0x73796E636261636B"

// checkTriggers returns what is wrong with a table's Triggers and Emulator by
// themselves. That an emulator without suppression would do everything twice is
// why there is no such choice.
func (t *Table) checkTriggers() error {
	switch {
	case t.Triggers > EmulateTriggers:
		return fmt.Errorf("table %s: there is no choice %d for triggers; choose to let them fire, to suppress or to emulate them", t.Target, t.Triggers)
	case t.Triggers == EmulateTriggers && t.Emulator == nil:
		return fmt.Errorf("table %s: its triggers are emulated, and there is no emulator; name one, or choose suppress", t.Target)
	case t.Triggers != EmulateTriggers && t.Emulator != nil:
		return fmt.Errorf("table %s: it has an emulator, and its triggers are not told to stay silent for it (%s), so that all they do would be done twice; choose emulate, or take the emulator out", t.Target, t.Triggers)
	case t.Triggers == EmulateTriggers && t.Truncate:
		return fmt.Errorf("table %s: a TRUNCATE names no rows of which an emulator could be told; do not allow truncate, or choose suppress", t.Target)
	}
	return nil
}

// silences reports whether the triggers of the table are to stay silent.
func (m *mapping) silences() bool { return m != nil && m.config.Triggers != FireTriggers }

// emulates reports whether an Emulator does what the triggers would.
func (m *mapping) emulates() bool { return m.config.Triggers == EmulateTriggers }

// sameEmulator reports whether two tables have one Emulator. Those that cannot be
// compared are not the same.
func sameEmulator(a, b resolve.Emulator) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// silence tells triggers to stay silent while s runs, where its table's are to,
// and takes it back before another one. It says so each time: a trigger may have
// set CONTEXT_INFO to something of its own.
func (w *batchText) silence(s *statement) {
	switch {
	case s.silent:
		w.put("SET CONTEXT_INFO " + SilentMarker + ";\n")
	case w.silent:
		w.put(unsilence + "\n")
	}
	w.silent = s.silent
}

// unsilence lets triggers fire again.
const unsilence = "SET CONTEXT_INFO 0x;"

// silenceOff is the statement that lets triggers fire again, where they do not.
func (w *batchText) silenceOff() string {
	if !w.silent {
		return ""
	}
	return unsilence + " "
}
