package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// council is what councils differ in.
type council struct {
	dwellingLevel string            // property.level_code of a dwelling: "7", elsewhere "2"
	outcomes      map[string]string // court outcomes: the cloud's codes, and what they are on premises
	quarterly     string            // araagr.freq_code of a quarterly agreement
	supplier      string            // who does recharges
	ended         [2]string         // member's column that says that someone left, and its value
	history       []string          // tables whose changes go to a history table, named with dch behind it
}

func defaults() council {
	return council{
		dwellingLevel: "7",
		outcomes:      map[string]string{},
		quarterly:     "Q",
		supplier:      "H01",
		ended:         [2]string{"u_ended", "1"},
	}
}

// Configure implements plugin.Configurer.
func (c *council) Configure(config map[string]string) error {
	settings := map[string]func(string) error{
		"dwelling_level":    text(&c.dwellingLevel),
		"outcomes":          func(v string) (err error) { c.outcomes, err = pairs(v); return err },
		"quarterly":         text(&c.quarterly),
		"recharge_supplier": text(&c.supplier),
		"ended":             c.setEnded,
		"history":           func(v string) error { c.history = words(v); return nil },
	}
	for _, key := range slices.Sorted(maps.Keys(config)) {
		set, ok := settings[key]
		if !ok {
			return fmt.Errorf("there is no setting %s; there are %s", key, strings.Join(slices.Sorted(maps.Keys(settings)), ", "))
		}
		if err := set(config[key]); err != nil {
			return fmt.Errorf("%s %w", key, err)
		}
	}
	return nil
}

func (c *council) setEnded(v string) error {
	column, value, ok := strings.Cut(v, "=")
	if !ok {
		return fmt.Errorf("is a column and a value, such as u_ended=1")
	}
	c.ended = [2]string{strings.TrimSpace(column), strings.TrimSpace(value)}
	return nil
}

func text(into *string) func(string) error {
	return func(v string) error {
		if v == "" {
			return fmt.Errorf("is empty")
		}
		*into = v
		return nil
	}
}

func words(v string) []string {
	return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
}

// pairs reads "SOT=SUP, ADJ=ADJ".
func pairs(v string) (map[string]string, error) {
	out := map[string]string{}
	for _, word := range words(v) {
		from, to, ok := strings.Cut(word, "=")
		if !ok || from == "" || to == "" {
			return nil, fmt.Errorf("has %q, which is not two codes such as SOT=SUP", word)
		}
		if _, twice := out[from]; twice {
			return nil, fmt.Errorf("has %s twice", from)
		}
		out[from] = to
	}
	return out, nil
}
