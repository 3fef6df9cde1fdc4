package sqlserver

import (
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// timePair returns how values of a family of dates and times are written to a
// type of dates and times.
func timePair(from family, dst sqlType, opt codecOptions) (encoder, error) {
	var read func(string) (time.Time, error)
	switch {
	case from == familyText:
		read = textReader(dst)
	case dst.name == "time" && from == familyTime:
		read = parseClock
	case dst.name == "time":
		return nil, refuse("only a time without time zone is written to "+dst.String(), "")
	case dst.name == "datetimeoffset" && from == familyInstant:
		read = instantReader(dst, opt)
	case dst.name == "datetimeoffset":
		return nil, refuse("only a timestamptz says which instant a datetimeoffset stands for",
			"make the source column timestamptz")
	case from == familyDate:
		read = parseDate
	case from == familyTimestamp:
		read = parseTimestamp
	case from == familyInstant && opt.zone == nil:
		return nil, refuse("a timestamptz has no wall clock of its own", "name the zone of the target's")
	case from == familyInstant:
		read = instantReader(dst, opt)
	default:
		return nil, refuse("only dates and times are written to "+dst.String(), "")
	}
	return func(s string) (bound, error) {
		t, err := read(s)
		if err != nil {
			return bound{}, err
		}
		if t, err = fitTime(t, dst, opt.lossy); err != nil {
			return bound{}, err
		}
		return bindTime(t, dst), nil
	}, nil
}

// textReader takes the form in which PostgreSQL writes the natural type.
func textReader(dst sqlType) func(string) (time.Time, error) {
	switch dst.name {
	case "time":
		return parseClock
	case "datetimeoffset":
		return func(s string) (time.Time, error) {
			t, err := parseInstant(s)
			return wholeMinutes(t), err
		}
	default:
		return parseWall
	}
}

// instantReader reads a timestamptz as the wall clock of the target's zone, and
// keeps the offset for a type that has one.
func instantReader(dst sqlType, opt codecOptions) func(string) (time.Time, error) {
	return func(s string) (time.Time, error) {
		t, err := parseInstant(s)
		if err != nil {
			return t, err
		}
		if opt.zone == nil {
			return t.UTC(), nil
		}
		t = t.In(opt.zone)
		if dst.name == "datetimeoffset" {
			return wholeMinutes(t), nil
		}
		if twice(t) && !opt.lossy.Ambiguous {
			return t, refuse("it is in the hour that the target's clock has twice when summer time ends",
				"the rule ambiguous allows it")
		}
		return wallClock(t), nil
	}
}

// wholeMinutes returns t in UTC where a datetimeoffset cannot hold its offset,
// which before standard time had seconds.
func wholeMinutes(t time.Time) time.Time {
	if _, offset := t.Zone(); offset%60 != 0 || max(offset, -offset) > 14*60*60 {
		return t.UTC()
	}
	return t
}

// wallClock is t's wall clock as if it were UTC: the reader of a column without
// an offset sees no more.
func wallClock(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// twice reports whether t's wall clock shows the same at another instant.
func twice(t time.Time) bool {
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	if !start.IsZero() {
		_, earlier := start.Add(-1).Zone()
		if t.Before(start.Add(time.Duration(earlier-offset) * time.Second)) {
			return true
		}
	}
	if !end.IsZero() {
		_, later := end.Zone()
		return !t.Before(end.Add(-time.Duration(offset-later) * time.Second))
	}
	return false
}

// fitTime returns t in the precision of the type, and refuses what is lost by
// it and what is out of range. Round goes to the nearest, Truncate to the
// earlier; a date is the day that holds the moment, with either.
func fitTime(t time.Time, dst sqlType, lossy Lossy) (time.Time, error) {
	fit := floorTime(t, dst)
	if !fit.Equal(t) {
		switch {
		case lossy.Round && dst.name != "date":
			fit = nearestTime(t, fit, dst)
		case lossy.Round, lossy.Truncate:
		default:
			return t, outOfRange("it is finer than "+dst.String()+" can hold", "the rules round and truncate allow it")
		}
	}
	low, high := dst.timeRange()
	if y := fit.Year(); y < 1 || y > 9999 || fit.Before(low) || !fit.Before(high) {
		return t, outOfRange("it is outside the range of "+dst.String(), "")
	}
	return fit, nil
}

// floorTime returns the latest moment the type can hold that is not after t.
func floorTime(t time.Time, dst sqlType) time.Time {
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
	switch dst.name {
	case "date":
		return midnight
	case "datetime":
		return floorTick(t)
	default:
		return t.Truncate(dst.step())
	}
}

// step is the distance between two moments that the type can tell apart.
func (t sqlType) step() time.Duration {
	if t.name == "smalldatetime" {
		return time.Minute
	}
	step := time.Second
	for range t.scale {
		step /= 10
	}
	return step
}

func nearestTime(t, floor time.Time, dst sqlType) time.Time {
	if dst.name == "datetime" {
		return nearestTick(t)
	}
	if step := dst.step(); t.Sub(floor) >= step-step/2 {
		return floor.Add(step)
	}
	return floor
}

// A datetime counts 300ths of a second, and shows them as the milliseconds that
// are nearest: 0, 3, 7, 10 … What is written is what it shows.

func tickMillis(tick int64) time.Duration {
	return time.Duration((tick*20+3)/6) * time.Millisecond
}

func nearestTick(t time.Time) time.Time {
	ns := int64(t.Nanosecond())
	tick := (ns*300 + int64(time.Second)/2) / int64(time.Second)
	return t.Add(tickMillis(tick) - time.Duration(ns))
}

func floorTick(t time.Time) time.Time {
	ns := time.Duration(t.Nanosecond())
	tick := (int64(ns)*300 + int64(time.Second)/2) / int64(time.Second)
	if tickMillis(tick) > ns {
		tick--
	}
	return t.Add(tickMillis(tick) - ns)
}

// timeRange is from low up to, but without, high.
func (t sqlType) timeRange() (low, high time.Time) {
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }
	switch t.name {
	case "time":
		return day(1900, 1, 1), day(1900, 1, 2)
	case "smalldatetime":
		return day(1900, 1, 1), day(2079, 6, 7)
	case "datetime":
		return day(1753, 1, 1), day(10000, 1, 1)
	default:
		return day(1, 1, 1), day(10000, 1, 1)
	}
}

// bindTime binds ISO 8601 with a T in it, which SQL Server reads in the same
// way whatever DATEFORMAT and LANGUAGE are.
func bindTime(t time.Time, dst sqlType) bound {
	b := bound{arg: mssql.VarChar(t.Format(dst.timeLayout())), terms: timeTerms(t, dst)}
	return b.cast(dst.String())
}

// timeTerms is the text form of a moment in the type's own precision. Two
// datetimeoffsets are the same when they are of one instant, as the target sees
// it too.
func timeTerms(t time.Time, dst sqlType) string {
	if dst.name == "datetimeoffset" {
		t = t.UTC()
	}
	return t.Format(dst.timeLayout())
}

func (t sqlType) timeLayout() string {
	const date, clock = "2006-01-02", "15:04:05"
	fraction := "." + "0000000"[:min(t.scale, 7)]
	if t.scale == 0 {
		fraction = ""
	}
	switch t.name {
	case "date":
		return date
	case "time":
		return clock + fraction
	case "smalldatetime":
		return date + "T" + clock
	case "datetime":
		return date + "T" + clock + ".000"
	case "datetimeoffset":
		return date + "T" + clock + fraction + "-07:00"
	default:
		return date + "T" + clock + fraction
	}
}
