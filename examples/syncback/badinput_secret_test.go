package main_test

const (
	dsnForm       = "sync.yaml line 2: source.dsn: " + noDSN
	targetForm    = "sync.yaml line 4: target.dsn: " + noTarget
	notOpen       = "; close what is open there, and put a value that has a : or # or a bracket in quotes"
	notABlock     = "a value that begins with | or > goes in quotes, or on the lines below"
	sourceKeys    = "answer_timeout, dsn, heartbeat, publication, slot"
	notAWord      = "has a key that is not a word; known here are " + sourceKeys + ", and a value that has a : or , goes in quotes"
	passwordInURL = "u:source-secret@127.0.0.1:1/db"
)

// badDSNs have a password that is not written as a URL has it: none of it is
// shown.
var badDSNs = []badInput{
	{name: "at and hash", file: instead(passwordInURL, "u:hunter#2@h/db"), want: dsnForm},
	{name: "slash", file: instead(passwordInURL, "u:hunter/2@h/db"), want: dsnForm},
	{name: "digits and a slash", file: instead(passwordInURL, "u:12/hunter2@h/db"), want: dsnForm},
	{name: "question mark", file: instead(passwordInURL, "u:hunter?2@h/db"), want: dsnForm},
	{name: "digits and a question mark", file: instead(passwordInURL, "u:12?hunter2@h/db"), want: dsnForm},
	{name: "at and question mark", file: instead(passwordInURL, "u:hun@ter?2@h/db"), want: dsnForm},
	{name: "percent", file: instead(passwordInURL, "u:hunter%2@h/db"), want: dsnForm},
	{name: "bracket", file: instead(passwordInURL, "u:hunter[2@h/db"), want: dsnForm},
	{name: "port is a word", file: instead("127.0.0.1:1/db", "h:hunter2/db"), want: dsnForm},
	{name: "sslmode", file: instead("127.0.0.1:1/db", "h/db?sslmode=hunter2"), want: dsnForm},
	{name: "keywords", file: instead("postgres://"+passwordInURL, "host=h password='hunter2"), want: dsnForm},
	{name: "target, hash", file: instead("u:target-secret@", "u:hunter#2@"), want: targetForm},
	{name: "target, slash", file: instead("u:target-secret@", "u:12/hunter2@"), want: targetForm},
	{name: "target, question mark", file: instead("u:target-secret@", "u:12?hunter2@"), want: targetForm},
	{name: "target, percent", file: instead("u:target-secret@", "u:hunter%2@"), want: targetForm},
	{name: "target, port is a word", file: instead("127.0.0.1:1?", "h:hunter2?"), want: targetForm},
	{name: "target, encrypt", file: instead("?database=db", "?encrypt=hunter2"), want: targetForm},
	{name: "target, keywords", file: instead("sqlserver://u:target-secret@127.0.0.1:1?database=db", "server=h;password=hunter2"), want: targetForm},
}

// misplacedSecrets are a DSN where something else belongs.
var misplacedSecrets = []badInput{
	{name: "DSN for a command", args: "postgres://u:hunter2@h/db", want: "unknown command \"postgres://u:[hidden]@h/db\"; `syncback help` lists the commands"},
	{name: "DSN for an argument", args: "run postgres://u:hunter2@h/db", want: `run takes no argument, and was given "postgres://u:[hidden]@h/db"`},
	{name: "DSN for a file", args: "run -c postgres://u:hunter2@h/db", want: "postgres://u:[hidden]@h/db: there is no such file; name the configuration with -c FILE"},
	{name: "DSN for a flag", args: "run --dsn=postgres://u:hunter2@h/db", want: "flag provided but not defined: -dsn; `syncback help` lists commands and flags"},
	{name: "DSN for a switch", args: "run --until-idle=postgres://u:hunter2@h/db", want: "invalid boolean value \"postgres://u:[hidden]@h/db\" for -until-idle: parse error; `syncback help` lists commands and flags"},
	{name: "DSN for a slot", file: instead("target:", "  slot: postgres://u:hunter2@h/db\ntarget:"), want: `sync.yaml: source: "postgres://u:[hidden]@h/db" is no name for a replication slot: it has 1 to 63 characters of a-z, 0-9 and _`},
	{name: "DSN for a mapping", file: "source: postgres://u:hunter2@h/db\n", want: "sync.yaml line 1: source: " + aMapping},
	{name: "DSN for a key", file: "source: {postgres://u:hunter2@h/db}\n", want: "sync.yaml line 1: source: " + notAWord},
	{name: "DSN for a key of a block", file: "source:\n  postgres://u:hunter2@h/db: x\n", want: "sync.yaml line 2: source: " + notAWord},
	{name: "DSN for a blackout", file: with("schedule: {blackout: ['postgres://u:hunter2@h/db']}\n"), want: `sync.yaml line 8: schedule.blackout[0]: "postgres://u:[hidden]@h/db" is not a blackout: it has none of the known forms; one looks like "Sat 06:00-10:00", "Mon-Fri 08:00-18:00", "Sat 22:00-Sun 06:00" or "2026-12-24 00:00-2026-12-27 00:00"`},
	{name: "comma in a flow", file: "source: {slot: s, dsn: sqlserver://u:x,hunter2@h/db}\n", want: "sync.yaml line 1: source.dsn: " + noDSN},
	{name: "comma in a flow, after a DSN", file: "source: {dsn: postgres://u:5,hunter2@h/db}\n", want: "sync.yaml line 1: source: " + notAWord},
	{name: "colon and blank", file: instead(passwordInURL, "u:hun: ter2@h/db"), want: "sync.yaml line 2: not YAML: mapping value is not allowed in this context" + notOpen},
	{name: "star", file: instead("postgres://"+passwordInURL, "*hunter2"), want: "sync.yaml line 2: source.dsn: the alias refers to nothing"},
	{name: "escape", file: instead("postgres://"+passwordInURL, `"postgres://u:\hunter2@h"`), want: `sync.yaml line 2: not YAML: a \ in double quotes begins an escape; write \\ there, or use single quotes`},
	{name: "bar", file: instead("postgres://"+passwordInURL, "|hunter2"), want: "sync.yaml line 2: not YAML: " + notABlock},
	{name: "bar, and blanks", file: instead("postgres://"+passwordInURL, "|hunter2 # of the source"), want: "sync.yaml line 2: not YAML: " + notABlock},
	{name: "bar before a key", file: instead("tables:", "  ledger_key: |Zq9-secret-key-2026\ntables:"), want: "sync.yaml line 5: not YAML: " + notABlock},
	{name: "greater than", file: with("queue:\n  key: >Zq9-secret-key-2026\n"), want: "sync.yaml line 9: not YAML: " + notABlock},
	{name: "bar in a list", file: with("queue:\n  old_keys:\n    - |Zq9-secret-key-2026\n"), want: "sync.yaml line 10: not YAML: " + notABlock},
	{name: "at sign", file: instead("postgres://"+passwordInURL, "@hunter2"), want: "sync.yaml line 2: not YAML: a value that begins with @ or ` goes in quotes"},
	{name: "tag", file: instead("postgres://"+passwordInURL, "!hunter2{x"), want: "sync.yaml line 2: not YAML" + notOpen},
	{name: "directive", file: "%YAML hunter2\n---\n" + good, want: "sync.yaml line 1: not YAML" + notOpen},
	{name: "key twice that is no word", file: "source: {'u:hunter2@h': a, 'u:hunter2@h': b}\n", want: "sync.yaml line 1: not YAML: a key is there twice; keep one of the two"},
}
