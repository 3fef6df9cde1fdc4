package main_test

// badLocks are record locks that cannot be, whatever the target has.
var badLocks = []badInput{
	{name: "lock of nothing", file: with("    lock: {}\n"), want: "sync.yaml: table dbo.tenagree: its lock names neither a table of locks nor a holder; name the table, or the column of the row that says who has it"},
	{name: "lock with on alone", file: with("    lock: {on: {a: b}}\n"), want: "sync.yaml: table dbo.tenagree: its lock has `on` or `where`, and no table of locks; name the table, or leave them out"},
	{name: "lock's holder with where", file: with("    lock: {holder: x, where: {a: b}}\n"), want: "sync.yaml: table dbo.tenagree: its lock has `on` or `where`, and no table of locks; name the table, or leave them out"},
	{name: "lock without on", file: with("    lock: {table: locks}\n"), want: "sync.yaml: table dbo.tenagree: its lock does not say which lock is of which row; name the columns of both with `on`"},
	{name: "lock in the table itself", file: with("    lock: {table: Tenagree, on: {a: b}}\n"), want: "sync.yaml: table dbo.tenagree: its lock is in the table itself; leave the lock's table out, and name the holder"},
	{name: "lock's table's name", file: with("    lock: {table: a.b.c, on: {a: b}}\n"), want: `sync.yaml: table dbo.tenagree: lock: table name "a.b.c" has more than two parts; write schema.table`},
	{name: "lock's unknown key", file: with("    lock: {columns: a}\n"), want: `sync.yaml line 8: tables[0].lock.columns: unknown key; known here are holder, on, table, where`},
}

// badLockedTables are record locks that do not go with the target.
var badLockedTables = []badInput{
	locked("table: locks, on: {ref: tag_ref}", "dbo.tenagree: lock names table dbo.locks, which does not exist, or the login may not see it", "correct the name or grant SELECT on it"),
	locked("table: syncback.checkpoint, on: {ref: tag_ref}", `dbo.tenagree: lock, on names column "ref", which syncback.checkpoint lacks`, "correct the name"),
	locked("table: syncback.checkpoint, on: {pipeline: tag}", `dbo.tenagree: lock, on names column "tag", which the target table lacks`, "correct the name"),
	locked("table: syncback.checkpoint, on: {position: tag_ref}", `dbo.tenagree: lock, on compares column "position", which is of type bigint, with "tag_ref", which is of type char(11)`, "name columns of like types"),
	locked("table: syncback.checkpoint, on: {pipeline: tag_ref}, where: {what: x}", `dbo.tenagree: lock, where names column "what", which syncback.checkpoint lacks`, "correct the name"),
	locked("table: syncback.checkpoint, on: {pipeline: tag_ref}, where: {position: hunter2}", `dbo.tenagree: lock, where has a value for column "position" that does not fit bigint: the text is not a number in its plain form`, "correct it"),
	locked("table: syncback.checkpoint, on: {pipeline: tag_ref}, holder: who", `dbo.tenagree: lock, holder names column "who", which syncback.checkpoint lacks`, "correct the name"),
	locked("holder: who", `dbo.tenagree: lock, holder names column "who", which dbo.tenagree lacks`, "correct the name"),
	locked("holder: eot", `dbo.tenagree: lock, holder names column "eot", which is of type smalldatetime`, "name one that is text, a number or a bit"),
	{name: "lock's holder that is written", ready: prepared, make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}, ended: {to: eot}}, lock: {holder: rent}"), want: "target: dbo.tenagree: lock's holder, column \"rent\", is written from here, which would take the record from who has it; `exclude` it, or skip the source's column",
		check: "dbo.tenagree: lock's holder, column \"rent\", is written from here, which would take the record from who has it. `exclude` it, or skip the source's column"},
}

// locked is a table whose lock has the problem.
func locked(lock, problem, advice string) badInput {
	return badInput{
		name: "lock: " + lock, make: config("source: tenancy, target: tenagree, lock: {" + lock + "}"),
		want: "target: " + problem + "; " + advice, check: "tables: " + problem + ". " + advice,
	}
}
