package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// screen is where the program tells what it does.
type screen struct {
	out      io.Writer
	terminal bool
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		s.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return s
}

// printf writes a line.
func (s *screen) printf(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// stage does one part of the work and says how long it took.
func (s *screen) stage(what string, do func() error) error {
	s.printf("%s …", what)
	began := time.Now()
	if err := do(); err != nil {
		return err
	}
	s.printf("   done in %.1f s", time.Since(began).Seconds())
	return nil
}

// watch writes what look returns while do runs: over and over on one line of a
// terminal, or on lines of their own, five seconds apart.
func (s *screen) watch(look func() string, do func() error) error {
	every, begin, end := 5*time.Second, "", "\n"
	if s.terminal {
		every, begin, end = 100*time.Millisecond, "\r\x1b[K", ""
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := ""
	show := func() {
		if now := look(); now != last {
			fmt.Fprintf(s.out, "%s   %s%s", begin, now, end)
			last = now
		}
	}
	for {
		select {
		case err := <-done:
			show()
			if s.terminal {
				fmt.Fprintln(s.out)
			}
			return err
		case <-tick.C:
			show()
		}
	}
}
