package apply

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when transactions are applied. The zero Schedule is always.
//
// What a Schedule allows is a window. With Every and Cron a window opens at
// each firing, and closes once what was queued at the firing is applied. A
// blackout closes any window. A firing in a blackout, or while the last
// window is still open or the target cannot be reached, opens one window as
// soon as that is over: Cron says when work starts, Blackouts say when there
// must be none.
type Schedule struct {
	Mode Mode
	// Every is the time from one firing to the next, the first of them at the
	// start. It is read in the mode Every.
	Every time.Duration
	// Cron says at which minutes to fire: minute, hour, day of the month, month,
	// day of the week, as in crontab(5). It is read in the mode Cron. A firing
	// in an hour that the clock skips happens when it has skipped it; one in an
	// hour that the clock has twice happens twice.
	Cron string
	// Blackouts are the times in which nothing is applied, in any mode.
	Blackouts []Blackout
	// Location is the time zone of Cron and Blackouts; nil means time.Local.
	Location *time.Location
}

// Mode says what opens a window.
type Mode uint8

// The modes.
const (
	Continuous Mode = iota // always open
	Every                  // at equal intervals
	Cron                   // at the minutes of a cron expression
	// Manual opens one window each time that the pipeline is resumed while
	// Drain runs, whether it was paused before or not.
	Manual
)

// String returns the mode's name in lower case.
func (m Mode) String() string {
	switch m {
	case Continuous:
		return "continuous"
	case Every:
		return "every"
	case Cron:
		return "cron"
	case Manual:
		return "manual"
	default:
		return "invalid"
	}
}

// Validate says what is wrong with s, as one sentence, or returns nil.
func (s Schedule) Validate() error {
	switch s.Mode {
	case Continuous, Manual:
	case Every:
		if s.Every <= 0 {
			return fmt.Errorf("schedule: every is %s; it must be longer than nothing, like 15m", s.Every)
		}
	case Cron:
		fires, err := parseCron(s.Cron)
		if err != nil {
			return err
		}
		if fires.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
			return fmt.Errorf("schedule: cron %q never fires; check its day and month", s.Cron)
		}
	default:
		return fmt.Errorf("schedule: there is no mode %d", s.Mode)
	}
	sunday := time.Date(2024, 1, 7, 0, 0, 0, 0, time.UTC)
	for m := range minutesAWeek {
		if !s.weeklyBlackout(sunday.Add(time.Duration(m) * time.Minute)) {
			return nil
		}
	}
	return errors.New("schedule: the blackouts leave no time of the week")
}

// Opens returns when the next window opens, at or after now. last is when one
// opened last; zero means that the schedule begins at now. It returns the zero
// time when none ever opens, and for Manual, whose windows are asked for. s is
// valid.
func (s Schedule) Opens(last, now time.Time) time.Time {
	at := s.fires(last, now)
	if at.IsZero() {
		return at
	}
	if at.Before(now) {
		at = now
	}
	at = at.In(s.location()).Round(0)
	if s.blackedOut(at) {
		at = s.turn(at)
	}
	return at
}

// Closes returns when a window that is open at now has to close for a blackout,
// the zero time when no blackout comes. It returns now in a blackout.
func (s Schedule) Closes(now time.Time) time.Time {
	now = now.In(s.location()).Round(0)
	if s.blackedOut(now) {
		return now
	}
	return s.turn(now)
}

// fires returns the first firing after last. It may be before now.
func (s Schedule) fires(last, now time.Time) time.Time {
	switch {
	case s.Mode == Continuous:
		return now
	case s.Mode == Every && last.IsZero():
		return now
	case s.Mode == Every:
		return last.Add(s.Every)
	case s.Mode == Cron:
		if last.IsZero() {
			last = now
		}
		fires, err := parseCron(s.Cron)
		if err != nil {
			return time.Time{}
		}
		return cronAfter(fires, last.In(s.location()))
	default:
		return time.Time{}
	}
}

func (s Schedule) location() *time.Location {
	if s.Location == nil {
		return time.Local
	}
	return s.Location
}

func (s Schedule) blackedOut(t time.Time) bool {
	wall := wallClock(t.In(s.location()))
	for _, b := range s.Blackouts {
		if b.contains(wall) {
			return true
		}
	}
	return false
}

func (s Schedule) weeklyBlackout(wall time.Time) bool {
	for _, b := range s.Blackouts {
		if len(b.weekly) > 0 && b.contains(wall) {
			return true
		}
	}
	return false
}

// turn returns the first instant after t, which is in s's location, at which
// being in a blackout turns into not being in one, or the reverse. It is the
// zero time when that never happens.
func (s Schedule) turn(t time.Time) time.Time {
	was := s.blackedOut(t)
	// Every week is like the next, a day's clock change aside, once the last
	// date has passed.
	limit := t
	for _, b := range s.Blackouts {
		if b.to.After(limit) {
			limit = b.to
		}
	}
	limit = limit.AddDate(0, 0, 15)
	for t.Before(limit) {
		edge := s.edge(t)
		if edge.IsZero() || s.blackedOut(edge) != was {
			return edge
		}
		t = edge
	}
	return time.Time{}
}

// edge returns the first instant after t at which a blackout begins or ends, or
// the clock changes. It is the zero time when no blackout has one.
func (s Schedule) edge(t time.Time) time.Time {
	wall := wallClock(t)
	var first time.Time
	for _, b := range s.Blackouts {
		if e, ok := b.edge(wall); ok && (first.IsZero() || e.Before(first)) {
			first = e
		}
	}
	if first.IsZero() {
		return first
	}
	at := t.Add(first.Sub(wall))
	if _, change := t.ZoneBounds(); !change.IsZero() && change.Before(at) {
		return change
	}
	return at
}

// wallClock returns what a clock in t's zone shows at t, held as UTC, so that
// readings can be counted with. Between two changes of the clock a difference
// of readings is a difference of instants.
func wallClock(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// parseCron reads the five fields. It refuses what the parser would take
// besides them: names such as @daily, and a time zone, which belongs into
// Location (and "TZ=" with nothing behind it panics in cron v3.0.1).
func parseCron(text string) (cron.Schedule, error) {
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	if strings.Contains(text, "TZ=") {
		return nil, fmt.Errorf("schedule: cron %.60q names a time zone; it goes by the schedule's own", text)
	}
	fires, err := parser.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("schedule: cron %.60q: %w; one looks like \"*/15 20-23 * * 1-5\" (minute, hour, day, month, day of the week)", text, err)
	}
	return fires, nil
}

// cronAfter returns the first firing after t. The cron package would pass over
// a firing in an hour that the clock skips, and with it a whole night's window;
// here it happens when the hour has been skipped.
func cronAfter(fires cron.Schedule, t time.Time) time.Time {
	wall := wallClock(t)
	after := wall
	for {
		next := fires.Next(after)
		if next.IsZero() {
			return time.Time{}
		}
		at := t.Add(next.Sub(wall))
		_, change := t.ZoneBounds()
		if change.IsZero() || at.Before(change) {
			return at
		}
		t, wall = change, wallClock(change)
		if next.Before(wall) {
			return change
		}
		after = wall.Add(-time.Second) // Next is after it, and the change itself counts
	}
}
