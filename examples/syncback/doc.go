// Syncback keeps a SQL Server database in step with a PostgreSQL one. It only
// wires: everything it can do, an importer of the library can do.
//
//	syncback check -c sync.yaml     # is everything fit to run?
//	syncback ddl -c sync.yaml       # T-SQL of our own tables, for a DBA
//	syncback run -c sync.yaml       # capture and apply until interrupted
//	syncback verify -c sync.yaml    # are the two sides the same?
//	syncback version                # which one is this?
//	syncback help                   # all commands
//
// # Starting
//
// Run check until it finds nothing, have a DBA execute what ddl prints, and run.
// The first run creates publication and slot. It carries what is committed from
// then on: rows that were there before have to be in the target already, and
// verify says whether they are. verify --repair in place of the first run brings
// those that are not, row by row.
//
// run ends on SIGINT, SIGTERM and SIGHUP: it finishes the open transaction of the
// target within schedule.grace and exits 0. The file is not read anew, so that a
// service manager's reload has to be a restart. A second signal ends it at once;
// the target then rolls that transaction back, and the next run does it again.
// Other commands say that they were interrupted, and exit 1.
//
// run --until-idle applies everything that was committed before it started and
// exits 0. It goes by no rhythm, but a blackout or a pause holds it: then it
// captures that much into the queue, applies nothing and exits 1. So it does
// when it is interrupted, or when the target cannot be reached for 5 minutes.
//
// A queue or a disk that is full stops capture, and a target that is full or
// read-only stops applying, until there is room: the run goes on by itself, and
// says why it waits in its log and in status. What the source's tables no longer
// allow, such as one that was dropped or renamed, ends the run with the reason,
// once what was queued before was applied.
//
// # Memory
//
// A transaction of any size passes in less than 256 MiB. A large row takes two to
// four times what a change of it is on the wire, where bytes are hexadecimal, and
// an update has the old row beside the new: one of 100 MB took 400 MiB as text and
// 1 GiB as bytes. The environment's GOMEMLIMIT says from where on memory is
// collected eagerly, such as 512MiB (Go's runtime ends the program at once where
// it is written 512MB); 160 MiB where it is not set.
//
// A run whose slot is read by another process stands by: its log and status say
// so, it asks every few seconds, and takes over once the other has ended, such
// as the session of a machine that is gone. What the other captured and did not
// apply is in that one's queue alone. So a standby takes over the disk with the
// queue; with any other it is refused where the slot has moved on since.
//
// # Comparing the two sides
//
// verify compares every mapped table, in the target's own terms: padding, a
// sentinel for null, what is rounded, columns with owner: target and those that
// are not mapped make no difference. It changes nothing. It prints a line for
// each row that differs, as it finds it, and in the end a line for each table:
//
//	dbo.tenagree tag_ref=000023/02 different in eot, cur_bal
//	dbo.tenagree tag_ref=000099/01 missing
//	dbo.tenagree tag_ref=000100/01 extra
//	source rows  target rows  equal  different  missing  extra  unsettled  mended    table
//	       4711         4711   4709          1        1      1          0       0    dbo.tenagree
//
// Keys are personal data, and are printed because they are asked for, on standard
// output alone; other values are not. A table without a key has counts instead.
// --limit N lists N rows at most. It exits 0 where the two sides are the same,
// and 1 where they are not.
//
// While a run applies, rows that are under way to the target are waited for, and
// are no differences. When nothing is applied (no run is active, the pipeline is
// paused, a blackout, or the target stands still for a minute) verify says how
// far behind the target is; rows that changed since then show as different. With
// nothing left to apply, as after run --until-idle, it is exact. A row that
// changes at each of ten looks is unsettled, and exits 1, too.
//
// verify --repair mends the target: it inserts what is missing, updates the
// columns that differ, and deletes what is extra, in transactions of 100 rows.
// It needs run to be stopped, holds the queue, and writes nothing while the
// pipeline is paused or in a blackout. What waits to be applied is neither undone
// nor taken ahead: the target is made what the source was where the checkpoint
// is, and run goes on from there. Rows that the target refuses are named with the
// reason, and exit 1. It can be killed at any moment and run again.
//
// # Starting anew
//
// After a gap (a lost slot or queue, a source or a target that was put back from
// a copy beyond what the queue keeps) the two sides have to be made the same
// again, under a new name:
//
//  1. Stop run.
//  2. In the file give the pipeline another name, another source.slot and another
//     queue.dir. Drop the old slot in the source, if it is still there:
//     SELECT pg_drop_replication_slot('syncback').
//  3. syncback verify --repair. It makes the new slot, and mends what differs from
//     there. The source may be in use meanwhile.
//  4. Start run. The old queue's folder can go.
//
// # Adding and dropping a table
//
// Adding: give the source's table REPLICA IDENTITY FULL, and have the target's
// made. Stop run, and only then ALTER PUBLICATION syncback ADD TABLE, and add the
// table to the file. Where the publication had the table before, as one FOR ALL
// TABLES has, let run --until-idle end without it first, and start no other run
// before it is in the file. Run check, then verify --repair, which brings the rows
// that are there. Start run.
//
// From PostgreSQL 18 on, generated columns that are stored are captured: skip those
// that the target lacks. Where a table has row security, the source's role needs
// BYPASSRLS, or to be the table's owner, for verify to see its rows.
//
// Dropping: stop run. Run run --until-idle, so that nothing of the table is left
// in the queue. Take the table out of the file, then ALTER PUBLICATION syncback
// DROP TABLE. Start run.
//
// # Configuration
//
// One YAML file is one pipeline. ${NAME} in a value is replaced by the
// environment variable; $${ stands for ${ itself. An unknown key is an error.
// The variables that PostgreSQL's own programs read, such as PGHOST, PGSERVICE and
// PGSSLROOTCERT, have no say unless the file names them: the DSN says it all.
// Durations are written 500ms, 30s, 15m, 36h or 7d; sizes 512MiB or 10GiB.
//
// These are the keys, each with a value that it can have. They are no configuration
// to copy: some exclude others, and few are needed.
//
//	name: housing            # of the pipeline in the target; default: the slot's
//	source:
//	  dsn: ${SOURCE_DSN}     # postgres://…; required
//	  slot: syncback
//	  publication: syncback
//	  heartbeat: 1m          # keeps an idle database's log short; or never
//	  answer_timeout: 1m     # of silence, before the connection is given up
//	target:
//	  dsn: ${TARGET_DSN}     # sqlserver://…; required
//	  schema: syncback       # where our own tables are
//	  max_connections: 2
//	  lock_timeout: 5s
//	  answer_timeout: 5m     # doubled each time, so that what is slow gets through
//	  zone: Europe/London    # of the target's wall clock
//	  ledger_key: ${LEDGER_KEY}  # of the hashes that stand for secret columns, and of what is parked
//	  keep_ledger: 400d      # or forever; how long a decided conflict is kept
//	  retry_locked: 1m       # or never; how often what waits for open records is tried
//	queue:
//	  dir: ./queue           # relative to this file, not to where it is used
//	  limit: 10GiB           # or none; when full, capture waits, the source keeps its log;
//	                         # set it below the room on the disk
//	  keep_for: 3d           # or none; of what was applied, for a target that is restored
//	  keep: 1GiB             # of it at most
//	  key: ${QUEUE_KEY}      # seals the files; default: they are in clear
//	  old_keys: ["${OLD_QUEUE_KEY}"]    # still open what an earlier key sealed
//	schedule:
//	  mode: continuous       # or every, cron, manual
//	  every: 15m
//	  cron: "*/15 20-23 * * 1-5"
//	  blackout: ["Sat 06:00-10:00"]
//	  zone: Europe/London    # of cron and blackout; default: the machine's
//	  pace: 50%              # of the time that transactions of the target may take;
//	                         # behind each one it rests; default: 100%
//	  grace: 30s             # for the open transaction when applying has to stop
//	tables:                  # required
//	  - source: tenancy      # public.tenancy
//	    target: tenagree     # dbo.tenagree
//	    key: [tag_ref]       # target columns; default: those of the source's key
//	    exclude: [tstamp]    # target columns that are left alone
//	    columns:             # those whose names differ, or that need a rule
//	      tenancy_ref: {to: tag_ref}
//	      end_date: {to: eot, null_as: "1900-01-01"}
//	      balance: {to: cur_bal, owner: target}      # never written
//	      notes: {skip: true}                        # the target has none
//	      rent: {round: true}    # also truncate, transliterate, ambiguous
//	    fixed: {u_origin: CLOUD} # on insert, for columns the source lacks
//	    truncate: true       # let TRUNCATE delete the target's rows
//	    key_only: true       # do without REPLICA IDENTITY FULL
//	    remember: true       # of key_only: what was written last, to notice what others did; see below
//	    triggers: fire       # or suppress, emulate; see below
//	    emulator: housing    # the plugin that emulates them
//	    conflict: park       # who decides; see below
//	    park_failures: true  # park what a rule fails on, rather than stop
//	    references:          # rows of others, beside declared foreign keys
//	      - {columns: [tag_ref], target: tenagree, to: [tag_ref]}
//	    secret: [ni_number]  # target columns that the ledger has as hashes alone
//	    lock:                # how the target marks a record that someone has open
//	      table: resourcelock              # each row of it is a lock
//	      on: {resourceid: tag_ref}        # its columns, and the target's with the same
//	      where: {resource: tenancy}       # what else it has for these rows
//	      holder: username                 # who has it; blank, null or 0 is nobody
//	plugins:                 # rules in programs of their own; see below
//	  - name: housing        # as tables call it
//	    path: bin/housing-rules    # relative to this file, too
//	    sha256: 9f86d081…    # of that file, as sha256sum prints it
//	    config: {dwelling_level: "7"}    # what the rules are told
//	    start_timeout: 10s
//	    call_timeout: 10s    # for one answer; a plugin that takes longer is killed
//
// Without schedule.mode the mode is that of the one key given, every or cron,
// and continuous with neither. check and run name the key that the mode has no use
// for. In the mode manual a window opens with each resume. Keys that belong to
// other versions (return, queue.url) are refused by name.
//
// # Conflicts
//
// A change that does not fit, because the target's row is not as the source had
// it, or because the target refuses it, is a conflict. The table's policy decides
// what becomes of it; without one the pipeline stops there. A policy is a name, a
// mapping, or a list of which the first that decides does:
//
//	conflict: source-wins
//	conflict: {policy: newest, column: modified, tie: target}
//	conflict:
//	  - {policy: merge, both: source, columns: {cur_bal: target}}
//	  - {policy: target-wins, kinds: [delete_missing]}
//	  - {policy: park, reason: a person must look at it}
//	conflict: [{policy: plugin, plugin: housing}, park]
//
// There are source-wins, target-wins, newest and version (with column), merge
// (with both and columns, whose rules are source, target, later, additive,
// {map: {code: code}} and {fill_blank: [""]}), fill-blank, plugin (with plugin,
// the name of one), park and halt. kinds
// limits one to kinds of conflict: insert_exists, update_missing, update_differs,
// delete_missing, delete_differs, several_match, unique, foreign_key, not_null,
// too_long, out_of_range, not_encodable, check, trigger_failed, locked.
//
// Nothing is written to a record that someone has open in the target's own
// application, as lock says: by a row in a table of locks, or, without table, by
// holder, a column of the row itself that the file does not map. It is a conflict,
// locked, whatever else is the matter with the change, and only park, halt and
// target-wins can be had for it:
//
//	conflict: [{policy: park, kinds: [locked]}, source-wins]
//
// What is parked so is tried again at most every retry_locked while transactions
// are applied, and is written with what waits behind it once the record is free;
// the ledger has it as decided by syncback. Where nothing else comes from the
// source it waits for that, or for conflicts resolve ID --take source. A TRUNCATE
// deletes nothing of a table while one of its records is open.
//
// A table that is key_only has no old row to compare with: what someone else wrote
// to a row of the target is written over without a word, and check says so. With
// remember: true each row is remembered as it was behind the last write, in the
// table written of the target's own schema, and a change that finds it otherwise is
// a conflict, update_differs or delete_differs. The source's old row is not known
// then, so that every column in which the two sides differ counts as changed by
// both: merge leaves it to both and columns. The first change of a row since
// remember was set is not compared, and neither is one after ledger_key was changed.
// Package apply/sqlserver has the rest, and what it costs.
//
// What is parked is set aside in the target's own schema, its transaction whole,
// and behind it, in order, each later transaction that touches the same rows,
// rows that refer to them, or a unique value that they hold. Everything else goes
// on. conflicts list shows what waits, conflicts show what each side has, and
// conflicts resolve carries out what a person decides, also while run applies and
// while it is paused; what waited is then written, its own conflicts decided
// anew. Every conflict that was decided is in the ledger, in the table conflict.
//
// plan --policy FILE tries other policies before they are used: it asks those of
// another configuration of the pipeline about every conflict of the ledger that a
// rule decided or parked, and lists those that would have come to something else,
// with the columns in which the target's row would be another. It writes nothing
// and prints no value. Of secret columns the ledger has hashes, so that a policy
// can tell there whether two values are the same, and no more.
//
// # Plugins
//
// Rules that are a council's own are a program of their own, made with package
// resolve/plugin; examples/housing-rules is one. run starts each plugin, once its
// file has the checksum, without the environment of this program, and ends it when
// the open transaction of the target is done. One that ends, or does not answer
// within call_timeout and is killed, is started again, and the transaction is tried
// again; one that fails five times at the same conflict ends the run, or parks the
// conflict where park_failures is set. conflicts resolve starts the plugins, too,
// for what waits behind the conflict, and plan those of its FILE. check starts each
// of them, says what keeps it from being used, and ends it.
//
// What a variable of the environment gives a plugin in its config, of 6 characters
// or more, is hidden in all that this program prints: a plugin that refuses it may
// quote it.
//
// What a plugin passes of a conflict goes to the next policy of the list, or
// halts.
//
// # Triggers
//
// The target's triggers fire on what is applied. With triggers: suppress those of
// a table are told to stay silent while it is written, by CONTEXT_INFO; nothing is
// disabled, and a trigger stays silent if it begins with
//
//	IF SUBSTRING(CONTEXT_INFO(), 1, 8) = 0x73796E636261636B RETURN
//
// With triggers: emulate they are told so as well, and the plugin that emulator
// names does what they would have done, in the same transaction. check lists every
// trigger of a mapped table, what is chosen for it, and whether its text looks for
// that; one that is emulated and does not is an error. One that fires all the same
// is found out before it is emulated, and stops the run: package apply/sqlserver
// says how. What a plugin refuses to emulate is a conflict, trigger_failed.
//
// # Status
//
// status works while run does, from another process, and when nothing runs. It
// prints what it could learn, and exits 1 when it could not learn all. The keys
// of status --json are a contract; null is not known, or none:
//
//	pipeline              name
//	state                 starting, applying, resting, idle, paused, blackout,
//	                      waiting for window, retrying; standby, while another process reads
//	                      the slot; not running; running elsewhere, when the slot
//	                      is in use by a process that has another queue
//	source_position       where the source's log ends, as an LSN
//	captured_position     everything before it is in the queue or was applied
//	applied_position      the target's checkpoint
//	applied_at            when it moved last
//	lag_bytes             of the source's log that the target is behind
//	lag_seconds           since the oldest queued transaction was committed, or the
//	                      last that was applied before it; 0 with none queued
//	queued_transactions   captured and not applied, by the last word of a run; null
//	                      while it counts a backlog of millions
//	queued_bytes          about how much memory they would take
//	slot                  name
//	slot_active           whether a process captures
//	slot_retained_bytes   what the source keeps because of the slot
//	slot_wal_status       reserved, extended, unreserved or lost
//	paused                {since, by}
//	next_window           when applying is next allowed
//	parked                transactions that are set aside
//	conflicts             those of them that wait for a person's decision
//	last_error            what a run retries, or ended with
//
// Exit status: 0 done, 1 failed or not fit, 2 wrong usage or configuration.
package main
