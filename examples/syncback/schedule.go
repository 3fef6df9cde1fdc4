package main

import (
	"errors"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/syncback/syncback/apply"
)

var modes = map[string]apply.Mode{
	"continuous": apply.Continuous,
	"every":      apply.Every,
	"cron":       apply.Cron,
	"manual":     apply.Manual,
}

func (l *layout) schedule() keys {
	c := &l.cfg.schedule
	return keys{
		"mode":     value(l.decoder, &l.mode, parseMode),
		"every":    value(l.decoder, &c.Every, parseDuration),
		"cron":     value(l.decoder, &c.Cron, parseCron),
		"blackout": l.list(l.blackout),
		"zone":     value(l.decoder, &c.Location, parseZone),
		"pace":     value(l.decoder, &l.cfg.pace, parseShare),
		"grace":    value(l.decoder, &l.cfg.grace, parseDuration),
	}
}

func parseMode(s string) (string, error) {
	if _, ok := modes[s]; !ok {
		return "", errors.New("must be continuous, every, cron or manual")
	}
	return s, nil
}

func parseCron(s string) (string, error) {
	if err := (apply.Schedule{Mode: apply.Cron, Cron: s}).Validate(); err != nil {
		return "", errors.New(strings.TrimPrefix(err.Error(), "schedule: cron "))
	}
	return s, nil
}

func (l *layout) blackout(n ast.Node) error {
	var b apply.Blackout
	if err := value(l.decoder, &b, apply.ParseBlackout)(n); err != nil {
		return err
	}
	l.cfg.schedule.Blackouts = append(l.cfg.schedule.Blackouts, b)
	return nil
}

// settleMode decides the mode where the file does not name one: it is that of
// the one key that was given.
func (l *layout) settleMode() error {
	c := &l.cfg.schedule
	if l.mode == "" {
		switch {
		case c.Every != 0 && c.Cron != "":
			return misuse("%s: schedule.mode: required where both every and cron are given", l.file)
		case c.Every != 0:
			l.mode = "every"
		case c.Cron != "":
			l.mode = "cron"
		default:
			l.mode = "continuous"
		}
	}
	switch {
	case l.mode == "every" && c.Every == 0:
		return misuse("%s: schedule.every: required by mode every, a duration such as 15m", l.file)
	case l.mode == "cron" && c.Cron == "":
		return misuse(`%s: schedule.cron: required by mode cron, an expression such as "*/15 20-23 * * 1-5"`, l.file)
	}
	if c.Every != 0 && l.mode != "every" {
		l.cfg.idle = append(l.cfg.idle, "schedule.every does nothing in mode "+l.mode)
	}
	if c.Cron != "" && l.mode != "cron" {
		l.cfg.idle = append(l.cfg.idle, "schedule.cron does nothing in mode "+l.mode)
	}
	c.Mode = modes[l.mode]
	if err := c.Validate(); err != nil {
		return misuse("%s: %v", l.file, err)
	}
	return nil
}
