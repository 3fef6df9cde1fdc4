package main_test

import "strings"

// bomb would be a value of 9 to the power of 9 elements, were its aliases
// followed.
var bomb = func() string {
	var b strings.Builder
	for c := 'a'; c < 'j'; c++ {
		element := "*" + string(c-1)
		if c == 'a' {
			element = "x"
		}
		b.WriteString(string(c) + ": &" + string(c) + " [" + strings.Repeat(element+", ", 8) + element + "]\n")
	}
	return b.String()
}()

// badConfigurations are what is wrong with the file as a whole, or between its
// keys. What each key refuses by itself is in badKeys.
var badConfigurations = []badInput{
	{name: "not YAML", file: "source: [\n", want: "sync.yaml line 1: not YAML: sequence end token ']' not found" + notOpen},
	{name: "tab", file: "source:\n\tdsn: x\n", want: "sync.yaml line 2: not YAML: a tab stands where it may not; indent with spaces"},
	{name: "null alone", file: "~\n", want: "sync.yaml line 1: the file: must be a mapping of keys to values"},
	{name: "word alone", file: "housing\n", want: "sync.yaml line 1: the file: must be a mapping of keys to values"},
	{name: "aliases of aliases", file: bomb, want: "sync.yaml line 1: a: unknown key; known here are name, plugins, queue, schedule, source, tables, target"},
	{name: "table twice below", file: with("    target: dbo.other\n"), want: `sync.yaml line 8: not YAML: mapping key "target" already defined at [7:5]; keep one of the two`},
	{name: "target twice", file: with("  - {source: member, target: TenAgree}\n"), want: "sync.yaml: target table dbo.TenAgree is mapped from both public.tenancy and public.member; keep one"},
	{name: "name of three parts", file: with("  - {source: a, target: a.b.c}\n"), want: `sync.yaml: table name "a.b.c" has more than two parts; write schema.table`},
	{name: "bracket that is open", file: with("  - {source: a, target: '[a'}\n"), want: `sync.yaml: table name "[a" lacks its closing ]`},
	{name: "source of three parts", file: with("  - {source: a.b.c, target: a}\n"), want: `sync.yaml: table name "a.b.c" has more than two parts; write schema.table`},
	{name: "quote that is open", file: with("  - {source: 'p.\"a', target: a}\n"), want: `sync.yaml: table name "\"a" lacks its closing "`},
	{name: "slot", file: instead("target:", "  slot: My-Slot\ntarget:"), want: `sync.yaml: source: "My-Slot" is no name for a replication slot: it has 1 to 63 characters of a-z, 0-9 and _`},
	{name: "publication", file: instead("target:", "  publication: "+strings.Repeat("p", 64)+"\ntarget:"), want: `sync.yaml: source: publication "` + strings.Repeat("p", 64) + `": the name is longer than 63 bytes; shorten it`},
	{name: "long schema", file: instead("tables:", "  schema: "+strings.Repeat("s", 129)+"\ntables:"), want: "sync.yaml: the name of the schema for our own tables is longer than 128 characters; shorten it"},
	{name: "short lock timeout", file: instead("tables:", "  lock_timeout: 1us\ntables:"), want: "sync.yaml: the lock timeout is not between 1ms and 576h; choose one that is"},
	{name: "long lock timeout", file: instead("tables:", "  lock_timeout: 30d\ntables:"), want: "sync.yaml: the lock timeout is not between 1ms and 576h; choose one that is"},
	{name: "brackets without end", file: "tables: " + strings.Repeat("[", 200_000), want: "sync.yaml line 1: opens more than 1000 brackets that are not closed; close them"},
	{name: "braces without end", file: "a:\n- " + strings.Repeat("{a: ", 100_000), want: "sync.yaml line 2: opens more than 1000 brackets that are not closed; close them"},
	{name: "column that is skipped and written", file: with("    columns: {a: {skip: true, to: b}}\n"), want: "sync.yaml line 8: tables[0].columns.a: skip leaves the column out, and goes with no other key; take skip out, or the others"},
	{name: "key column twice", file: with("    key: [a, b, A]\n"), want: "sync.yaml line 8: tables[0].key[2]: the column stands before already; take it out"},
	{name: "excluded twice", file: with("    exclude: [a, a]\n"), want: "sync.yaml line 8: tables[0].exclude[1]: the column stands before already; take it out"},
	{name: "two documents", file: good + "---\n" + good, want: "sync.yaml: the file holds more than one document; one file is one pipeline"},
	{name: "not a mapping", file: "- a\n", want: "sync.yaml line 1: the file: must be a mapping of keys to values"},
	{name: "key twice", file: with("name: a\nname: b\n"), want: `sync.yaml line 9: not YAML: mapping key "name" already defined at [8:1]; keep one of the two`},
	{name: "unknown key", file: with("quue: {}\n"), want: "sync.yaml line 8: quue: unknown key; known here are name, plugins, queue, schedule, source, tables, target"},
	{name: "unknown key below", file: with("    clumns: {}\n"), want: "sync.yaml line 8: tables[0].clumns: unknown key; known here are columns, conflict, emulator, exclude, fixed, key, key_only, lock, park_failures, references, remember, return, secret, source, target, triggers, truncate"},
	{name: "unknown key of a column", file: with("    columns: {a: {tow: b}}\n"), want: "sync.yaml line 8: tables[0].columns.a.tow: unknown key; known here are ambiguous, null_as, owner, round, skip, to, transliterate, truncate"},
	{name: "remember beside the old row", file: with("    remember: true\n"), want: "sync.yaml line 6: tables[0]: remember is for a table that is key_only; of another the source sends the whole old row"},
	{name: "emulator of triggers that fire", file: with("    emulator: housing\n" + housing), want: "sync.yaml: table dbo.tenagree: it has an emulator, and its triggers are not told to stay silent for it (fire), so that all they do would be done twice; choose emulate, or take the emulator out"},
	{name: "emulator of triggers that are suppressed", file: with("    triggers: suppress\n    emulator: housing\n" + housing), want: "sync.yaml: table dbo.tenagree: it has an emulator, and its triggers are not told to stay silent for it (suppress), so that all they do would be done twice; choose emulate, or take the emulator out"},
	{name: "emulated by none", file: with("    triggers: emulate\n"), want: "sync.yaml: table dbo.tenagree: its triggers are emulated, and there is no emulator; name one, or choose suppress"},
	{name: "emulator that there is not", file: with("    triggers: emulate\n    emulator: hosing\n" + housing), want: `sync.yaml line 9: tables[0].emulator: there is no plugin "hosing"; plugins has housing`},
	{name: "truncate that is emulated", file: with("    truncate: true\n    triggers: emulate\n    emulator: housing\n" + housing), want: "sync.yaml: table dbo.tenagree: a TRUNCATE names no rows of which an emulator could be told; do not allow truncate, or choose suppress"},
	{name: "return", file: with("    return: [tag_ref]\n"), want: "sync.yaml line 8: tables[0].return: not in this version; take the key out"},
	{name: "queue.url", file: with("queue: {url: nats://h}\n"), want: "sync.yaml line 8: queue.url: not in this version; take the key out"},
	{name: "no value", file: with("name:\n"), want: "sync.yaml line 8: name: has no value; give one, or leave the key out"},
	{name: "empty", file: with("name: ''\n"), want: "sync.yaml line 8: name: is empty; give a value, or leave the key out"},
	{name: "mapping for a value", file: with("name: {a: b}\n"), want: "sync.yaml line 8: name: must be a single value"},
	{name: "value for a mapping", file: with("queue: here\n"), want: "sync.yaml line 8: queue: must be a mapping of keys to values"},
	{name: "value for a list", file: with("    key: tag_ref\n"), want: "sync.yaml line 8: tables[0].key: must be a list, such as [a, b]"},
	{name: "alias of nothing", file: with("name: *n\n"), want: "sync.yaml line 8: name: the alias refers to nothing"},
	{name: "alias of itself", file: with("name: &n *n\n"), want: "sync.yaml line 8: not YAML: unexpected scalar value type" + notOpen},
	{name: "merge key", file: with("    columns: {<<: {a: {to: b}}}\n"), want: "sync.yaml line 8: tables[0].columns.<<: merge keys are not read here; write the keys out, or use an alias for the whole value"},
	{name: "variable not set", file: with("name: ${HOUSING_NAME}\n"), want: "sync.yaml line 8: name: the environment variable HOUSING_NAME is not set; set it, or write the value here"},
	{name: "variable not closed", file: with("name: ${HOUSING_NAME\n"), want: "sync.yaml line 8: name: ${ must be followed by the name of an environment variable and }; write $${ for ${ itself"},
	{name: "variable with a default", file: with("name: ${A:-b}\n"), want: "sync.yaml line 8: name: ${ must be followed by the name of an environment variable and }; write $${ for ${ itself"},
	{name: "duration without unit", file: with("schedule: {every: 15}\n"), want: "sync.yaml line 8: schedule.every: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d"},
	{name: "negative duration", file: with("schedule: {every: -15m}\n"), want: "sync.yaml line 8: schedule.every: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d"},
	{name: "alias", file: with("name: &z 0s\n") + "queue: {keep_for: *z}\n", want: "sync.yaml line 9: queue.keep_for: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d, or none"},
	{name: "size without unit", file: with("queue: {limit: 10}\n"), want: "sync.yaml line 8: queue.limit: must be a whole number above zero with its unit, such as 512MiB or 10GiB, or none"},
	{name: "limit that is too small", file: with("queue: {limit: 1MiB}\n"), want: "sync.yaml line 8: queue.limit: must be 4MiB or more, or none"},
	{name: "size with a wrong unit", file: with("queue: {limit: 10GBi}\n"), want: "sync.yaml line 8: queue.limit: must be a whole number above zero with its unit, such as 512MiB or 10GiB, or none"},
	{name: "size beyond counting", file: with("queue: {keep: 9000000000TiB}\n"), want: "sync.yaml line 8: queue.keep: is more bytes than can be counted"},
	{name: "blackout", file: with("schedule: {blackout: [Sat, 'Sun 6-10']}\n"), want: `sync.yaml line 8: schedule.blackout[0]: "Sat" is not a blackout: it has none of the known forms; one looks like "Sat 06:00-10:00", "Mon-Fri 08:00-18:00", "Sat 22:00-Sun 06:00" or "2026-12-24 00:00-2026-12-27 00:00"`},
	{name: "cron", file: with("schedule: {cron: '* * *'}\n"), want: `sync.yaml line 8: schedule.cron: "* * *": expected exactly 5 fields, found 3: [* * *]; one looks like "*/15 20-23 * * 1-5" (minute, hour, day, month, day of the week)`},
	{name: "always closed", file: with("schedule: {blackout: ['00:00-24:00']}\n"), want: "sync.yaml: schedule: the blackouts leave no time of the week"},
	{name: "long name", file: with("name: " + strings.Repeat("n", 129) + "\n"), want: "sync.yaml: name: is longer than 128 characters"},
	{name: "mode", file: with("schedule: {mode: sometimes}\n"), want: "sync.yaml line 8: schedule.mode: must be continuous, every, cron or manual"},
	{name: "every without duration", file: with("schedule: {mode: every}\n"), want: "sync.yaml: schedule.every: required by mode every, a duration such as 15m"},
	{name: "cron without expression", file: with("schedule: {mode: cron}\n"), want: `sync.yaml: schedule.cron: required by mode cron, an expression such as "*/15 20-23 * * 1-5"`},
	{name: "which mode", file: with("schedule: {every: 15m, cron: '* * * * *'}\n"), want: "sync.yaml: schedule.mode: required where both every and cron are given"},
	{name: "zone", file: with("schedule: {zone: Europe/Lundun}\n"), want: "sync.yaml line 8: schedule.zone: must be the name of a time zone, such as Europe/London, UTC or Local"},
	{name: "truncate", file: with("    truncate: 1\n"), want: "sync.yaml line 8: tables[0].truncate: must be true or false"},
	{name: "owner", file: with("    columns: {a: {owner: me}}\n"), want: "sync.yaml line 8: tables[0].columns.a.owner: must be target, or source, which is the default"},
	{name: "table twice", file: with("  - {source: tenancy, target: other}\n"), want: "sync.yaml line 8: tables[1]: public.tenancy is mapped already, at line 6"},
	{name: "table without target", file: with("  - source: b\n"), want: "sync.yaml line 8: tables[1]: source and target are required: the two tables' names"},
	{name: "no tables", file: strings.Split(good, "tables:")[0], want: "sync.yaml: tables: required, at least one table"},
	{name: "empty tables", file: strings.Split(good, "tables:")[0] + "tables: []\n", want: "sync.yaml: tables: required, at least one table"},
	{name: "no source", file: instead("dsn: postgres", "slot: postgres"), want: "sync.yaml: source.dsn: required, a PostgreSQL URL"},
	{name: "no target", file: instead("dsn: sqlserver", "schema: sqlserver"), want: "sync.yaml: target.dsn: required, a SQL Server URL"},
	{name: "source DSN", file: instead("postgres://", "mysql://"), want: dsnForm},
	{name: "target DSN", file: instead("sqlserver://", "postgres://"), want: targetForm},
	{name: "connections", file: instead("tables:", "  max_connections: 0\ntables:"), want: "sync.yaml line 5: target.max_connections: must be a whole number from 1"},
	{name: "heartbeat", file: instead("target:\n  dsn", "  heartbeat: 0s\ntarget:\n  dsn"), want: "sync.yaml line 3: source.heartbeat: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d, or never"},
}
