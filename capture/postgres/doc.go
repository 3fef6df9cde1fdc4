// Package postgres captures what is committed in a PostgreSQL database, by
// logical replication through pgoutput. It reads PostgreSQL 14 to 18.
//
// A [Capturer] needs a publication and a replication slot. [Capturer.Setup]
// makes them, [Capturer.Check] says beforehand what stands in the way, and
// [Capturer.Capture] then follows the source.
//
// # Guarantees
//
//   - Every transaction that was committed after the slot was made arrives,
//     whole and in the order of the commits. One without a change of the tables
//     to capture is left out.
//   - The source is told to forget only what the sink has synced. When a slot no
//     longer has what comes next, Capture refuses it with [capture.ErrGap];
//     PostgreSQL itself would start later without a word.
//   - A transaction is never held whole. About 8 MB are read ahead of the sink,
//     or one row where that is larger. While the sink is slow the connection is
//     kept alive, and the source keeps what is not yet read.
//   - A source that says nothing is given up after Config.AnswerTimeout, which is
//     retryable, and so is a slot that another process reads
//     ([capture.ErrInUse]): who goes on trying takes over from it.
//   - A source that was restored from a copy, or failed over to one that lacks
//     what was captured, is refused with [capture.ErrDiverged].
//   - A standby (PostgreSQL 16) that is not yet where it was captured to, or that
//     is promoted or follows another primary meanwhile, ends Capture, which is
//     retryable. It is asked over one more replication connection.
//
// # Positions
//
// The Position of a transaction is the LSN of its commit record, a mark the LSN
// behind one: everything before it was taken in. The next commit record may
// begin right there, so a transaction at the mark is a new one.
//
// # Values
//
// Values are the text of the source's output functions, under settings that
// neither the role nor the database can change: UTF-8, TimeZone UTC, DateStyle
// ISO, IntervalStyle iso_8601 ("P1Y2DT3H4M5S"), bytea_output hex, floating
// point in its shortest exact form, lc_monetary C ("$1,234.50"), search_path
// pg_catalog, so that the name of anything else has its schema.
//
// # Replica identity
//
// An old image is what the replica identity makes of it. With FULL it is the
// whole old row, and tells what changed. Anything less is refused, unless the
// table is in Config.KeyOnly: then an update has an old image only when the key
// changed, an old image has the key alone, and what changed is unknown. A column
// that was not sent is absent, never null: also an unchanged TOAST value, which
// the old image has if the identity is full. All partitions of a table need
// their own FULL.
//
// A table's shape, its replica identity included, is that of the moment of the
// change. Its primary key, and what a type is made of, are read from the
// catalogue as it is when the change is read.
//
// # Limits
//
// Sequences, DDL, large objects and generated columns are not captured, nor are
// logical messages of no transaction (those with transactional false). From
// PostgreSQL 18 on, generated columns that are stored are, where the publication
// has publish_generated_columns, as the one that Setup creates does: without it the
// source refuses to write to such a table once its replica identity is full. TRUNCATE of
// a partition by its own name is not captured either, though that of its table is,
// nor is what ATTACH brings and DETACH and DROP take: PostgreSQL sends none of it.
// A table with an unlogged or foreign partition is refused. Protocol
// version 1 has the source spill a transaction that outgrows
// logical_decoding_work_mem to its own disk, and send it once it is committed.
// Two tables that swap names within one configuration are followed by name.
//
// The publication is looked at when Capture starts, and then every
// Config.Heartbeat, a minute where that is never: a table that was taken out of it
// is refused, and with [capture.ErrGap] also one that was put back before the next
// look, since what changed between does not come. Nothing tells that of a table
// that was taken out and put back while Capture did not run: then compare the two
// sides. What was written while there was no publication at all is a gap whenever
// that was.
//
// A table is added while Capture does not run: first to the publication, then to
// Config.Tables. One that the publication had before may be refused with
// [capture.ErrDiverged], since what was captured without it may come again, with
// what changed in it: then capture once more without it, to the end of what is
// committed, add it, and compare its two sides.
package postgres
