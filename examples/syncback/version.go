package main

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
)

// printVersion prints which version of this program it is, on one line.
func (s *session) printVersion() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("the program does not know its version; build it within its module")
	}
	_, err := fmt.Fprintln(s.stdout, version(info))
	return err
}

// version is that of the module and of its repository, as far as they are known,
// and that of Go.
func version(info *debug.BuildInfo) string {
	text := "syncback " + cmp.Or(info.Main.Version, "(devel)")
	for _, set := range info.Settings {
		switch {
		case set.Key == "vcs.revision":
			text += " " + set.Value
		case set.Key == "vcs.modified" && set.Value == "true":
			text += " modified"
		}
	}
	return text + " " + info.GoVersion
}
