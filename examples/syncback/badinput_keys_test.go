package main_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// wrong is a value that a kind of key refuses, and what is said of it.
type wrong struct{ value, sentence string }

const (
	noValue       = "has no value; give one, or leave the key out"
	oneValue      = "must be a single value"
	duration      = "must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d"
	tooLong       = "is too long to be counted; the most is 65535d"
	size          = "must be a whole number above zero with its unit, such as 512MiB or 10GiB"
	zone          = "must be the name of a time zone, such as Europe/London, UTC or Local"
	absent        = "not in this version; take the key out"
	ofTriggers    = "must be fire, which is the default, suppress or emulate"
	unset         = "the environment variable NOWHERE is not set; set it, or write the value here"
	unclosed      = "${ must be followed by the name of an environment variable and }; write $${ for ${ itself"
	aMapping      = "must be a mapping of keys to values"
	aList         = "must be a list, such as [a, b]"
	ofBoth        = `must be source, target, later, additive, {map: {code: code}} or {fill_blank: [""]}`
	anOwner       = "must be target, or source, which is the default"
	aSecret       = "must be a secret of 16 characters or more, best from a variable of the environment"
	aShare        = "must be a whole number from 1% to 100%, such as 50%"
	trueFalse     = "must be true or false"
	noDSN         = "cannot be read; it must be a PostgreSQL URL, postgres://user:password@host:5432/database, where a character such as @ # / % in the password is written %40 %23 %2F %25"
	noDSNAtAll    = "is empty; write a PostgreSQL URL, postgres://user:password@host:5432/database, or set the variable that it is taken from"
	noTargetAtAll = "is empty; write a SQL Server URL, sqlserver://user:password@host:1433?database=name, or set the variable that it is taken from"
	noTarget      = "cannot be read; it must be a SQL Server URL, sqlserver://user:password@host:1433?database=name, where a character such as @ # / % in the password is written %40 %23 %2F %25"
)

// scalars are what every key for a single value refuses.
var scalars = []wrong{
	{"", noValue}, {"~", noValue}, {"{a: b}", oneValue}, {"[a]", oneValue}, {"*nothing", "the alias refers to nothing"},
	{"${NOWHERE}", unset}, {"${NOWHERE", unclosed}, {"${A:-b}", unclosed}, {"${}", unclosed}, {"!tag a", oneValue},
}

// also is scalars and more.
func also(more ...wrong) []wrong { return slices.Concat(scalars, more) }

func durations(off string) []wrong {
	sentence := duration + off
	return also(wrong{"15", sentence}, wrong{"-15m", sentence}, wrong{"0s", sentence}, wrong{"soon", sentence}, wrong{"15 m", sentence},
		wrong{"1.5d", sentence}, wrong{"99999d", tooLong + off}, wrong{"9999999h", tooLong + off}, wrong{"0d", sentence}, wrong{"''", sentence})
}

func sizes(off string) []wrong {
	sentence := size + off
	return also(wrong{"10", sentence}, wrong{"10GBi", sentence}, wrong{"0B", sentence}, wrong{"-1GiB", sentence}, wrong{"1.5GiB", sentence},
		wrong{"10 GiB", sentence}, wrong{"9000000000TiB", "is more bytes than can be counted" + off}, wrong{"''", sentence})
}

var (
	texts    = also(wrong{"''", "is empty; give a value, or leave the key out"}, wrong{"' '", "is empty; give a value, or leave the key out"})
	flags    = also(wrong{"1", trueFalse}, wrong{"yes", trueFalse}, wrong{"True", trueFalse}, wrong{"''", trueFalse})
	zones    = also(wrong{"Europe/Lundun", zone}, wrong{"''", zone}, wrong{"../zone", zone}, wrong{"+01:00", zone})
	counts   = also(wrong{"0", "must be a whole number from 1"}, wrong{"-1", "must be a whole number from 1"}, wrong{"two", "must be a whole number from 1"}, wrong{"1.5", "must be a whole number from 1"})
	lists    = []wrong{{"a", aList}, {"{a: b}", aList}, {"", aList}}
	mappings = []wrong{{"a", aMapping}, {"[a]", aMapping}, {"", aMapping}}
	nothing  = []wrong{{"a", absent}, {"{a: b}", absent}, {"[a]", absent}, {"", absent}}
	dsns     = func(sentence, empty string) []wrong {
		return also(wrong{"''", empty}, wrong{"nonsense", sentence}, wrong{"mysql://u:hunter2@h/d", sentence},
			wrong{"postgresql://u:hun%zz@h/d", sentence}, wrong{"sqlserver://u:hun%zz@h", sentence}, wrong{"'postgres://u:hun#ter2@h/d'", sentence})
	}
)

// keyKinds has every key, by its path, and what it refuses.
var keyKinds = map[string][]wrong{
	"name":   texts,
	"source": mappings, "source.dsn": dsns(noDSN, noDSNAtAll), "source.slot": texts, "source.publication": texts, "source.heartbeat": durations(", or never"), "source.answer_timeout": durations(""),
	"target": mappings, "target.dsn": dsns(noTarget, noTargetAtAll), "target.schema": texts, "target.max_connections": counts, "target.lock_timeout": durations(""), "target.zone": zones,
	"queue": mappings, "queue.dir": texts, "queue.limit": sizes(", or none"), "queue.keep": sizes(""), "queue.keep_for": durations(", or none"), "queue.url": nothing,
	"queue.key": also(wrong{"short", aSecret}), "queue.old_keys": lists, "queue.old_keys[0]": also(wrong{"short", aSecret}),
	"schedule": mappings, "schedule.mode": also(wrong{"sometimes", "must be continuous, every, cron or manual"}), "schedule.every": durations(""),
	"schedule.cron": scalars, "schedule.blackout": lists, "schedule.blackout[0]": scalars, "schedule.zone": zones, "schedule.grace": durations(""),
	"schedule.pace": also(wrong{"0%", aShare}, wrong{"101%", aShare}, wrong{"50", aShare}, wrong{"0.5", aShare}, wrong{"half", aShare}, wrong{"''", aShare}),
	"tables":        lists, "tables[0]": mappings, "tables[0].source": texts, "tables[0].target": texts, "tables[0].key": lists, "tables[0].key[0]": texts,
	"tables[0].exclude": lists, "tables[0].exclude[0]": texts, "tables[0].truncate": flags, "tables[0].key_only": flags, "tables[0].remember": flags,
	"tables[0].triggers": also(wrong{"sometimes", ofTriggers}, wrong{"''", ofTriggers}), "tables[0].emulator": texts,
	"tables[0].return": nothing,
	"plugins":          lists, "plugins[0]": mappings, "plugins[0].name": texts, "plugins[0].path": texts, "plugins[0].config": mappings, "plugins[0].config.a": scalars,
	"plugins[0].sha256": also(wrong{"12ab", digits}, wrong{"zz", digits}), "plugins[0].start_timeout": durations(""), "plugins[0].call_timeout": durations(""),
	"tables[0].conflict.plugin": texts,
	"tables[0].park_failures":   flags, "tables[0].references": lists, "tables[0].references[0]": mappings, "tables[0].references[0].target": texts,
	"tables[0].references[0].columns": lists, "tables[0].references[0].columns[0]": texts, "tables[0].references[0].to": lists, "tables[0].references[0].to[0]": texts,
	"tables[0].conflict": {{"", noValue}}, "tables[0].conflict.policy": scalars, "tables[0].conflict.tie": also(wrong{"a", "must be source or target"}),
	"tables[0].conflict.both": {{"a", ofBoth}, {"''", ofBoth}, {"", noValue}}, "tables[0].conflict.both.map": mappings,
	"tables[0].conflict.both.fill_blank": lists,
	"tables[0].secret":                   lists, "tables[0].secret[0]": texts,
	"tables[0].conflict.column": texts, "tables[0].conflict.reason": texts, "tables[0].conflict.kinds": lists, "tables[0].conflict.columns": mappings,
	"tables[0].fixed": mappings, "tables[0].fixed.a": scalars,
	"tables[0].lock": mappings, "tables[0].lock.table": texts, "tables[0].lock.holder": texts,
	"tables[0].lock.on": mappings, "tables[0].lock.on.a": scalars, "tables[0].lock.where": mappings, "tables[0].lock.where.a": scalars,
	"target.retry_locked": durations(", or never"), "target.answer_timeout": durations(""), "target.keep_ledger": durations(", or forever"),
	"target.ledger_key": also(wrong{"short", aSecret}),
	"tables[0].columns": mappings, "tables[0].columns.a": mappings, "tables[0].columns.a.to": texts, "tables[0].columns.a.null_as": scalars,
	"tables[0].columns.a.owner": also(wrong{"me", anOwner}), "tables[0].columns.a.skip": flags, "tables[0].columns.a.round": flags,
	"tables[0].columns.a.truncate": flags, "tables[0].columns.a.transliterate": flags, "tables[0].columns.a.ambiguous": flags,
}

// TestBadKeysAreAllKeys asks the program, at every place that has keys of its own,
// which it knows.
func TestBadKeysAreAllKeys(t *testing.T) {
	t.Parallel()
	known := regexp.MustCompile(`unknown key; known here are ([a-z0-9_, ]+)\n`)
	listed := 0
	for _, place := range append(slices.Collect(maps.Keys(keyKinds)), "") {
		path := strings.TrimPrefix(place+".zzz", ".")
		_, stderr, _ := runWith(t, t.TempDir(), strings.Replace(document(path, "1"), "HERE", "", 1))
		found := known.FindStringSubmatch(stderr)
		if found == nil {
			continue // it is no place, or takes what keys it is given
		}
		for key := range strings.SplitSeq(found[1], ", ") {
			listed++
			if key = strings.TrimSuffix(path, "zzz") + key; keyKinds[key] == nil {
				t.Errorf("keyKinds lacks %s", key)
			}
		}
	}
	if listed < len(keyKinds)/2 {
		t.Errorf("the program knows %d keys, and keyKinds has %d", listed, len(keyKinds))
	}
}

// badKeys has every key with every value that it refuses.
var badKeys = everyKey()

func everyKey() (all []badInput) {
	for path, kinds := range keyKinds {
		for _, w := range kinds {
			file := document(path, w.value)
			line := 1 + strings.Count(file[:strings.Index(file, "HERE")], "\n")
			all = append(all, badInput{
				name: path + ": " + w.value,
				file: strings.Replace(file, "HERE", "", 1),
				want: fmt.Sprintf("sync.yaml line %d: %s: %s", line, path, w.sentence),
			})
		}
	}
	return all
}

// document is a file that has a value at a path, in block style, with HERE
// before it.
func document(path, value string) string {
	var b strings.Builder
	steps := strings.Split(strings.ReplaceAll(path, "[0]", ".-"), ".")
	for i, step := range steps {
		indent := strings.Repeat("  ", i)
		if step == "-" {
			b.WriteString("\n" + indent + "- ")
			continue
		}
		if i > 0 && steps[i-1] != "-" || i == 0 {
			b.WriteString("\n" + indent)
		}
		b.WriteString(step + ": ")
	}
	return strings.TrimPrefix(b.String(), "\n") + "HERE" + value + "\n"
}
