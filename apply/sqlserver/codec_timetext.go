package sqlserver

import (
	"strconv"
	"strings"
	"time"
)

var errNoTime = refuse("the text is not a date or time in its ISO form", "")

// parseDate reads 2024-05-01. What PostgreSQL can hold and a target cannot is
// named: infinity, years before Christ and years of five digits.
func parseDate(s string) (time.Time, error) {
	switch {
	case s == "infinity" || s == "-infinity":
		return time.Time{}, outOfRange("infinity is no date", "")
	case strings.HasSuffix(s, " BC"):
		return time.Time{}, outOfRange("it is before the year 1", "")
	case strings.IndexByte(s, '-') > 4:
		return time.Time{}, outOfRange("it is after the year 9999", "")
	case len(s) != len(time.DateOnly):
		return time.Time{}, errNoTime
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() == 0 {
		return time.Time{}, errNoTime
	}
	return t, nil
}

// parseClock reads 12:30:00.123456, as a moment of 1900-01-01.
func parseClock(s string) (time.Time, error) {
	d, err := clock(s)
	if err != nil {
		return time.Time{}, err
	}
	return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).Add(d), nil
}

// clock reads hours, minutes, seconds and up to nine digits of a fraction.
func clock(s string) (time.Duration, error) {
	if s == "24:00:00" {
		return 0, outOfRange("24:00 is no time of day", "")
	}
	whole, fraction, dot := strings.Cut(s, ".")
	if len(whole) != 8 || whole[2] != ':' || whole[5] != ':' || dot && (!digits(fraction) || len(fraction) > 9) {
		return 0, errNoTime
	}
	h, m, sec := twoDigits(whole[:2], 23), twoDigits(whole[3:5], 59), twoDigits(whole[6:], 59)
	if h < 0 || m < 0 || sec < 0 {
		return 0, errNoTime
	}
	ns, _ := strconv.Atoi((fraction + "000000000")[:9])
	return time.Duration(h*3600+m*60+sec)*time.Second + time.Duration(ns), nil
}

// twoDigits returns -1 for what is no number up to limit.
func twoDigits(s string, limit int) int {
	if len(s) != 2 || !digits(s) {
		return -1
	}
	if n := int(s[0]-'0')*10 + int(s[1]-'0'); n <= limit {
		return n
	}
	return -1
}

// parseTimestamp reads 2024-05-01 12:30:00.123456, with a blank or a T.
func parseTimestamp(s string) (time.Time, error) {
	i := strings.IndexAny(s, " T")
	if i < 0 || strings.HasSuffix(s, " BC") {
		if _, err := parseDate(s); err != nil {
			return time.Time{}, err
		}
		return time.Time{}, errNoTime
	}
	day, err := parseDate(s[:i])
	if err != nil {
		return day, err
	}
	d, err := clock(s[i+1:])
	return day.Add(d), err
}

// parseWall reads a date, or a date and a time.
func parseWall(s string) (time.Time, error) {
	if len(s) <= len(time.DateOnly) {
		return parseDate(s)
	}
	return parseTimestamp(s)
}

// parseInstant reads 2024-05-01 12:30:00.123456+00, with an offset in hours, or
// in hours and minutes, or in those and seconds, or a Z. Without any it is UTC,
// as the target reads it.
func parseInstant(s string) (time.Time, error) {
	s = strings.TrimSuffix(s, "Z")
	i := strings.LastIndexAny(s, "+-")
	if i < len("2006-01-02 15:04:05") {
		return parseWall(s)
	}
	offset := 0
	for n, part := range strings.Split(s[i+1:], ":") {
		v := twoDigits(part, 59)
		if v < 0 || n > 2 {
			return parseInstantEnd(s)
		}
		offset += v * []int{3600, 60, 1}[n]
	}
	if s[i] == '-' {
		offset = -offset
	}
	t, err := parseTimestamp(strings.TrimRight(s[:i], " "))
	if err != nil {
		return t, err
	}
	return t.Add(-time.Duration(offset) * time.Second).In(time.FixedZone("", offset)), nil
}

// parseInstantEnd names what is wrong where the end is no offset: it may be BC.
func parseInstantEnd(s string) (time.Time, error) {
	if strings.HasSuffix(s, " BC") {
		return parseDate(s)
	}
	return time.Time{}, errNoTime
}
