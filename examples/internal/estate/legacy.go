package estate

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // London, also where the machine has no time zones

	"github.com/syncback/syncback/capture"
)

// London is the wall clock of the legacy system.
func London() (*time.Location, error) { return time.LoadLocation("Europe/London") }

// legacyForm returns what the legacy column holds for a value of the cloud's, in
// the text form in which [Read] reads it.
func (c *Column) legacyForm(v capture.Value, clock *time.Location) capture.Value {
	text, ok := v.Text()
	if !ok {
		if c.NullAs == nil {
			return capture.Null()
		}
		text = *c.NullAs
	}
	switch f := c.Legacy; {
	case f.is("char"):
		return capture.Text(pad(text, f.length()))
	case f.is("bit"):
		return capture.Text(map[string]string{"true": "1", "false": "0"}[text])
	case f.is("uniqueidentifier"):
		return capture.Text(strings.ToUpper(text))
	case f.is("smalldatetime"):
		return capture.Text(toMinute(parseTime(text, clock)))
	case f.is("datetime"):
		return capture.Text(toTick(parseTime(text, clock)))
	default:
		return capture.Text(text)
	}
}

// pad fills text up with blanks to n characters, as char(n) does.
func pad(text string, n int) string { return fmt.Sprintf("%-*s", n, text) }

// length returns the n of char(n).
func (f Field) length() int {
	_, rest, _ := strings.Cut(f.Type, "(")
	digits, _, _ := strings.Cut(rest, ")")
	n, _ := strconv.Atoi(digits)
	return n
}

// parseTime reads a date, a timestamp, or an instant in UTC, which it turns to
// the legacy system's wall clock.
func parseTime(text string, clock *time.Location) time.Time {
	if instant, ok := strings.CutSuffix(text, "+00"); ok {
		return parseTime(instant, nil).In(clock)
	}
	for _, layout := range []string{time.DateOnly, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t
		}
	}
	return time.Time{}
}

// toMinute rounds as smalldatetime does: from 30 seconds on, up.
func toMinute(t time.Time) string {
	return t.Add(30 * time.Second).Truncate(time.Minute).Format(time.DateTime)
}

// toTick rounds as datetime does: to the nearest of the 300 ticks of a second,
// which end in 0, 3 or 7 milliseconds.
func toTick(t time.Time) string {
	ms := t.Nanosecond() / int(time.Millisecond)
	tick := (ms*300 + 500) / 1000
	t = t.Add(time.Duration((tick*1000+150)/300-ms) * time.Millisecond)
	return t.Format("2006-01-02 15:04:05.000")
}
