// Syncback keeps a SQL Server database in step with a PostgreSQL one. It only
// wires: everything it can do, an importer of the library can do.
//
//	syncback check -c sync.yaml     # is everything fit to run?
//	syncback ddl -c sync.yaml       # T-SQL of our own tables, for a DBA
//	syncback run -c sync.yaml       # capture and apply until interrupted
//	syncback help                   # all commands
//
// # Starting
//
// Run check until it finds nothing, have a DBA execute what ddl prints, and run.
// The first run creates publication and slot. It carries what is committed from
// then on: rows that were there before have to be in the target already.
//
// run ends on SIGINT and SIGTERM: it finishes the open transaction of the
// target within schedule.grace and exits 0. A second signal ends it at once;
// the target then rolls that transaction back, and the next run does it again.
//
// run --until-idle applies everything that was committed before it started and
// exits 0. It goes by no rhythm, but a blackout or a pause holds it: then it
// captures that much into the queue, applies nothing and exits 1. So it does
// when it is interrupted, or when the target cannot be reached for 5 minutes.
//
// # Configuration
//
// One YAML file is one pipeline. ${NAME} in a value is replaced by the
// environment variable; $${ stands for ${ itself. An unknown key is an error.
// Durations are written 500ms, 30s, 15m, 36h or 7d; sizes 512MiB or 10GiB.
//
//	name: housing            # of the pipeline in the target; default: the slot's
//	source:
//	  dsn: ${SOURCE_DSN}     # postgres://…; required
//	  slot: syncback
//	  publication: syncback
//	  heartbeat: 1m          # keeps an idle database's log short; or never
//	target:
//	  dsn: ${TARGET_DSN}     # sqlserver://…; required
//	  schema: syncback       # where our own tables are
//	  max_connections: 2
//	  lock_timeout: 5s
//	  zone: Europe/London    # of the target's wall clock
//	queue:
//	  dir: ./queue           # relative to this file, not to where it is used
//	  limit: 10GiB           # or none; when full, capture waits, the source keeps its log
//	  keep_for: 3d           # or none; of what was applied, for a target that is restored
//	  keep: 1GiB             # of it at most
//	schedule:
//	  mode: continuous       # or every, cron, manual
//	  every: 15m
//	  cron: "*/15 20-23 * * 1-5"
//	  blackout: ["Sat 06:00-10:00"]
//	  zone: Europe/London    # of cron and blackout; default: the machine's
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
//
// Without schedule.mode the mode is that of the one key given, every or cron,
// and continuous with neither. In the mode manual a window opens with each
// resume. Keys that belong to other versions (conflict, return, plugins,
// queue.url, triggers other than fire) are refused by name.
//
// # Status
//
// status works while run does, from another process, and when nothing runs. It
// prints what it could learn, and exits 1 when it could not learn all. The keys
// of status --json are a contract; null is not known, or none:
//
//	pipeline              name
//	state                 starting, applying, idle, paused, blackout, waiting for
//	                      window, retrying; not running; running elsewhere, when
//	                      the slot is in use by a process that has another queue
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
//	parked, conflicts     0 in this version
//	last_error            what a run retries, or ended with
//
// Exit status: 0 done, 1 failed or not fit, 2 wrong usage or configuration.
package main
