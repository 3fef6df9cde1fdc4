package apply

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Blackout is a time in which nothing is applied, on the wall clock of a
// Schedule's Location. The zero Blackout is never. [ParseBlackout] makes others.
type Blackout struct {
	text   string
	weekly []span
	// from and to are a blackout between dates. They are readings of a wall
	// clock, held as UTC.
	from, to time.Time
}

// span is a stretch of every week, in minutes since Sunday 00:00. The end is
// past the week's when the span crosses into the next.
type span struct{ start, end int }

const (
	minutesADay  = 24 * 60
	minutesAWeek = 7 * minutesADay
)

var blackoutForm = regexp.MustCompile(
	`^(?:([A-Za-z]+|\d{4}-\d{2}-\d{2})(?:\s*-\s*([A-Za-z]+))?\s+)?(\d{1,2}:\d{2})\s*-\s*(?:([A-Za-z]+|\d{4}-\d{2}-\d{2})\s+)?(\d{1,2}:\d{2})$`)

// ParseBlackout reads one of these forms:
//
//	06:00-10:00                        every day
//	22:00-06:00                        every night
//	Sat 06:00-10:00                    on one day of the week
//	Mon-Fri 08:00-18:00                on each of several days
//	Sat 22:00-Sun 06:00                from one day to another
//	2026-12-24 18:00-20:00             on one date
//	2026-12-24 00:00-2026-12-27 00:00  from one date to another
//
// The start is in it and the end is not. Where the clock skips an hour or has
// one twice, what it shows counts: the skipped part of a blackout does not
// happen, the repeated part happens twice.
func ParseBlackout(s string) (Blackout, error) {
	fail := func(why string) (Blackout, error) {
		return Blackout{}, fmt.Errorf(
			"%.60q is not a blackout: %s; one looks like \"Sat 06:00-10:00\", \"Mon-Fri 08:00-18:00\", \"Sat 22:00-Sun 06:00\" or \"2026-12-24 00:00-2026-12-27 00:00\"", s, why)
	}
	m := blackoutForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return fail("it has none of the known forms")
	}
	start, err := clockMinutes(m[3])
	if err != nil {
		return fail(err.Error())
	}
	end, err := clockMinutes(m[5])
	if err != nil {
		return fail(err.Error())
	}
	b := Blackout{text: strings.TrimSpace(s)}
	if isDate(m[1]) || isDate(m[4]) {
		b.from, b.to, err = dateSpan(m[1], m[2], start, m[4], end)
	} else {
		b.weekly, err = weekSpans(m[1], m[2], start, m[4], end)
	}
	if err != nil {
		return fail(err.Error())
	}
	return b, nil
}

// String returns the text that the blackout was read from.
func (b Blackout) String() string { return b.text }

// contains reports whether the wall clock's reading is in the blackout.
func (b Blackout) contains(wall time.Time) bool {
	if !b.to.IsZero() {
		return !wall.Before(b.from) && wall.Before(b.to)
	}
	m := minuteOfWeek(wall)
	for _, s := range b.weekly {
		if s.start <= m && m < s.end || s.start <= m+minutesAWeek && m+minutesAWeek < s.end {
			return true
		}
	}
	return false
}

// edge returns the first reading after wall at which the blackout begins or
// ends, and false when it has none.
func (b Blackout) edge(wall time.Time) (first time.Time, ok bool) {
	consider := func(at time.Time) {
		if at.After(wall) && (!ok || at.Before(first)) {
			first, ok = at, true
		}
	}
	if !b.to.IsZero() {
		consider(b.from)
		consider(b.to)
	}
	sunday := wall.Truncate(time.Minute).Add(-time.Duration(minuteOfWeek(wall)) * time.Minute)
	for _, s := range b.weekly {
		for _, edge := range []int{s.start, s.end, s.start + minutesAWeek, s.end - minutesAWeek} {
			consider(sunday.Add(time.Duration(edge) * time.Minute))
		}
	}
	return first, ok
}

func minuteOfWeek(wall time.Time) int {
	return int(wall.Weekday())*minutesADay + wall.Hour()*60 + wall.Minute()
}

func isDate(s string) bool { return s != "" && s[0] <= '9' }

func dateSpan(first, lastDay string, start int, second string, end int) (from, to time.Time, err error) {
	if second == "" {
		second = first
	}
	if !isDate(first) || !isDate(second) || lastDay != "" {
		return from, to, errors.New("dates and days of the week do not mix")
	}
	if from, err = time.Parse(time.DateOnly, first); err != nil {
		return from, to, fmt.Errorf("there is no date %s", first)
	}
	if to, err = time.Parse(time.DateOnly, second); err != nil {
		return from, to, fmt.Errorf("there is no date %s", second)
	}
	from = from.Add(time.Duration(start) * time.Minute)
	to = to.Add(time.Duration(end) * time.Minute)
	if !from.Before(to) {
		return from, to, errors.New("it ends before it starts")
	}
	return from, to, nil
}

func weekSpans(first, last string, start int, second string, end int) ([]span, error) {
	if start == end {
		return nil, errors.New("it starts and ends at the same time (a whole day is 00:00-24:00)")
	}
	if second != "" {
		return spanBetween(first, last, start, second, end)
	}
	from, to := time.Sunday, time.Saturday
	var err error
	if first != "" {
		if from, err = weekday(first); err != nil {
			return nil, err
		}
		to = from
	}
	if last != "" {
		if to, err = weekday(last); err != nil {
			return nil, err
		}
	}
	if end < start {
		end += minutesADay
	}
	var spans []span
	for day := from; ; day = (day + 1) % 7 {
		base := int(day) * minutesADay
		spans = append(spans, span{base + start, base + end})
		if day == to {
			return spans, nil
		}
	}
}

// spanBetween is the one span from a time of one day to a time of another.
func spanBetween(first, last string, start int, second string, end int) ([]span, error) {
	if first == "" || last != "" {
		return nil, errors.New("a day before the end needs one day before the start")
	}
	from, err := weekday(first)
	if err != nil {
		return nil, err
	}
	to, err := weekday(second)
	if err != nil {
		return nil, err
	}
	s := span{int(from)*minutesADay + start, int(to)*minutesADay + end}
	if from == to && end < start {
		return nil, errors.New("it ends before it starts")
	}
	if to < from {
		s.end += minutesAWeek
	}
	return []span{s}, nil
}

func weekday(s string) (time.Weekday, error) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if name := day.String(); strings.EqualFold(s, name) || strings.EqualFold(s, name[:3]) {
			return day, nil
		}
	}
	return 0, fmt.Errorf("%q is no day of the week", s)
}

// clockMinutes reads "06:30" as minutes since midnight. 24:00 is the day's end.
func clockMinutes(s string) (int, error) {
	hours, minutes, _ := strings.Cut(s, ":")
	h, _ := strconv.Atoi(hours)
	m, _ := strconv.Atoi(minutes)
	if h > 24 || m > 59 || h == 24 && m > 0 {
		return 0, fmt.Errorf("there is no time %s", s)
	}
	return h*60 + m, nil
}
