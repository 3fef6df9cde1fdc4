package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/syncback/syncback/queue"
)

var variable = regexp.MustCompile(`\$?\$\{([^}]*)(\}?)`)

// expand replaces each ${NAME} in s by the environment's NAME. $${ stands for
// ${ itself. What a variable holds is not looked at again.
func expand(s string, env lookup) (string, error) {
	var failed error
	expanded := variable.ReplaceAllStringFunc(s, func(found string) string {
		if strings.HasPrefix(found, "$$") {
			return found[1:]
		}
		parts := variable.FindStringSubmatch(found)
		if parts[2] == "" || !isName(parts[1]) {
			failed = errors.New("${ must be followed by the name of an environment variable and }; write $${ for ${ itself")
			return ""
		}
		v, ok := env(parts[1])
		if !ok {
			failed = fmt.Errorf("the environment variable %s is not set; set it, or write the value here", parts[1])
		}
		return v
	})
	return expanded, failed
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case '0' <= c && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return s != ""
}

// counted is a duration in one unit: where it is refused all the same, there is
// too much of it.
var counted = regexp.MustCompile(`^[0-9]+(ns|us|µs|ms|s|m|h|d)$`)

// parseDuration reads a duration above zero, in Go's form or in whole days.
func parseDuration(s string) (time.Duration, error) {
	const day = 24 * time.Hour
	long := errors.New("is too long to be counted; the most is 65535d")
	wrong := errors.New("must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d")
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil && counted.MatchString(s) {
			return 0, long
		}
		if err != nil || n == 0 {
			return 0, wrong
		}
		return time.Duration(n) * day, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil && counted.MatchString(s) {
		return 0, long
	}
	if err != nil || d <= 0 {
		return 0, wrong
	}
	return d, nil
}

var units = map[string]int64{
	"B":   1,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// parseSize reads a number of bytes above zero.
func parseSize(s string) (int64, error) {
	wrong := errors.New("must be a whole number above zero with its unit, such as 512MiB or 10GiB")
	digits := strings.TrimRight(s, "BKMGTi")
	unit, ok := units[s[len(digits):]]
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 {
		return 0, wrong
	}
	if n > math.MaxInt64/unit {
		return 0, errors.New("is more bytes than can be counted")
	}
	return n * unit, nil
}

// parseLimit reads a limit of the queue.
func parseLimit(s string) (int64, error) {
	n, err := parseSize(s)
	if err == nil && n < queue.LeastLimit {
		err = fmt.Errorf("must be %dMiB or more", queue.LeastLimit>>20)
	}
	return n, err
}

// parseShare reads a whole number of hundredths, from 1% to 100%.
func parseShare(s string) (float64, error) {
	digits, ok := strings.CutSuffix(s, "%")
	n, err := strconv.ParseUint(digits, 10, 8)
	if !ok || err != nil || n < 1 || n > 100 {
		return 0, errors.New("must be a whole number from 1% to 100%, such as 50%")
	}
	return float64(n) / 100, nil
}

// orOff reads what parse does, and a word that switches the thing off, which the
// libraries take a negative number for.
func orOff[T ~int64](off string, parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		if s == off {
			return -1, nil
		}
		v, err := parse(s)
		if err != nil {
			return 0, fmt.Errorf("%w, or %s", err, off)
		}
		return v, nil
	}
}

// parseSecret reads a key, any text that is long enough.
func parseSecret(s string) ([]byte, error) {
	if len(s) < 16 {
		return nil, errors.New("must be a secret of 16 characters or more, best from a variable of the environment")
	}
	return []byte(s), nil
}

// parseZone reads the name of a time zone.
func parseZone(s string) (*time.Location, error) {
	zone, err := time.LoadLocation(s)
	if err != nil || s == "" {
		return nil, errors.New("must be the name of a time zone, such as Europe/London, UTC or Local")
	}
	return zone, nil
}

// qualify puts schema before a name that has none. A dot inside quotes, which
// open and end with the given characters, is part of the name.
func qualify(name, schema string, opens, ends byte) string {
	quoted := false
	for _, c := range []byte(name) {
		switch {
		case quoted:
			quoted = c != ends
		case c == opens:
			quoted = true
		case c == '.':
			return name
		}
	}
	return schema + "." + name
}
