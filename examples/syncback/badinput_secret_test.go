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
	{name: "sslmode", file: instead("127.0.0.1:1/db", "h/db?sslmode=hunter2"), want: noOption("sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full")},
	{name: "keywords", file: instead("postgres://"+passwordInURL, "host=h password='hunter2"), want: dsnForm},
	{name: "target, hash", file: instead("u:target-secret@", "u:hunter#2@"), want: targetForm},
	{name: "target, slash", file: instead("u:target-secret@", "u:12/hunter2@"), want: targetForm},
	{name: "target, question mark", file: instead("u:target-secret@", "u:12?hunter2@"), want: targetForm},
	{name: "target, percent", file: instead("u:target-secret@", "u:hunter%2@"), want: targetForm},
	{name: "target, port is a word", file: instead("127.0.0.1:1?", "h:hunter2?"), want: targetForm},
	{name: "target, encrypt", file: instead("?database=db", "?encrypt=hunter2"), want: noTargetOption("encrypt", "must be true, false, strict or disable")},
	{name: "target, keywords", file: instead("sqlserver://u:target-secret@127.0.0.1:1?database=db", "server=h;password=hunter2"), want: targetForm},
}

// noOption is what is said of an option of the source's DSN.
func noOption(name, must string) string {
	return "sync.yaml line 2: source.dsn: its option `" + name + "` " + must + "; correct it, or take it out"
}

func noTargetOption(name, must string) string {
	return "sync.yaml line 4: target.dsn: its option `" + name + "` " + must + "; correct it, or take it out"
}

// noFile is what is said of an option that names a file that is not there.
func noFile(of, option string) string {
	return of + "its option `" + option + "` names a file that cannot be read: no such file or directory; correct the path, or the file"
}

const (
	ofSource  = "sync.yaml line 2: source.dsn: "
	ofTarget  = "sync.yaml line 4: target.dsn: "
	inSeconds = "must be a whole number of seconds"
	aPort     = "its port must be a number from 1 to 65535"
)

// badOptions are DSNs that are well formed, and have an option that is not.
var badOptions = []badInput{
	{name: "source's port", file: instead("127.0.0.1:1/db", "127.0.0.1:99999/db"), want: ofSource + aPort},
	{name: "source's timeout", file: instead("127.0.0.1:1/db", "h/db?connect_timeout=hunter2"), want: noOption("connect_timeout", inSeconds)},
	{name: "source's root certificate", file: instead("127.0.0.1:1/db", "h/db?sslmode=verify-ca&sslrootcert=/nonexist"), want: noFile(ofSource, "sslrootcert")},
	{name: "source's root certificate is no certificate", file: instead("127.0.0.1:1/db", "h/db?sslmode=verify-ca&sslrootcert=/dev/null"), want: ofSource + "its option `sslrootcert` names a file that holds no certificate or key in PEM that can be used; correct the path, or the file"},
	{name: "source's service", file: instead("127.0.0.1:1/db", "h/db?service=hunter2"), want: noOption("service", "has a value that it cannot have")},
	{name: "two options of the source", file: instead("127.0.0.1:1/db", "h/db?connect_timeout=hunter2&sslmode=hunter2"), want: noOption("sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full")},
	{name: "keywords, sslmode", file: instead("postgres://"+passwordInURL, "host=h password='hunter 2' sslmode=hunter2 user=u"), want: noOption("sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full")},
	{name: "keywords, port", file: instead("postgres://"+passwordInURL, "host=h port=99999"), want: noOption("port", "must be a number from 1 to 65535")},
	{name: "target's port", file: instead("127.0.0.1:1?", "127.0.0.1:99999?"), want: ofTarget + aPort},
	{name: "target's timeout", file: instead("?database=db", "?connection+timeout=hunter2"), want: noTargetOption("connection timeout", inSeconds)},
	{name: "target's certificate file", file: instead("?database=db", "?encrypt=true&Certificate=/nonexist"), want: noFile(ofTarget, "certificate")},
	{name: "target's zone", file: instead("?database=db", "?timezone=hunter2"), want: noTargetOption("timezone", "has a value that it cannot have")},
	{name: "source is empty", file: instead("postgres://"+passwordInURL, "''"), want: ofSource + noDSNAtAll},
	{name: "target is empty", file: instead("sqlserver://u:target-secret@127.0.0.1:1?database=db", "' '"), want: ofTarget + noTargetAtAll},
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
