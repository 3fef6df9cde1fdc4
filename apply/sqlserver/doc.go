// Package sqlserver applies transactions to a SQL Server database. [Applier] is
// the [github.com/syncback/syncback/apply.Applier], [Control] pauses and reads a
// pipeline from anywhere, [Check] looks at everything beforehand, and [DDL] is
// what a DBA runs once.
//
//	applier, err := sqlserver.Open(ctx, sqlserver.Config{
//		DSN:      "sqlserver://syncback:…@old-server?database=housing",
//		Pipeline: "housing",
//		Tables: []sqlserver.Table{{
//			Source: "public.tenancy",
//			Target: "dbo.tenagree",
//			Columns: map[string]sqlserver.Column{
//				"tenancy_ref": {To: "tag_ref"},
//				"balance":     {To: "cur_bal", OwnerTarget: true},
//			},
//		}},
//	})
//	if err != nil {
//		return err
//	}
//	defer applier.Close()
//	return apply.Drain(ctx, q, applier, apply.Config{})
//
// # What a transaction of the target looks like
//
// Its first statement moves the checkpoint, from where this applier left it to
// the last source transaction of the batch, unless the pipeline is paused. That
// one row is what makes the effect happen once: it waits for a session that lost
// its answer and may still commit, and of two processes it lets one go on. Then
// come the changes, in the source's order, one row a statement, many statements
// to a round trip. A batch stops at the first statement that does not touch
// exactly one row, goes on once that one is settled, and commits together or not
// at all.
//
// One session does this. It runs under XACT_ABORT ON, DEADLOCK_PRIORITY LOW, a
// lock timeout, READ COMMITTED, and an application name that starts with
// syncback.
//
// # What is written
//
//   - Columns of the same name are mapped to each other, without regard to case
//     unless the target has several; Table says what differs. A source column that
//     has nowhere to go is an error, and so is a name in the configuration that
//     does not exist.
//   - Computed and rowversion columns, those that are GENERATED ALWAYS, and those
//     that are excluded or owned by the target, are never written. An identity
//     column takes the source's number, under IDENTITY_INSERT, and cannot be
//     updated.
//   - An UPDATE sets the columns that changed in the target's own terms: blanks
//     that only pad, the sentinel for null, what rounds to the same. Where none
//     did there is no statement. Where the source does not send the whole old
//     row, the target's is read first, in the same transaction.
//   - A row is found by its key, which the target's collation compares; in a
//     table without one by its whole old image, to the letter. Of several rows
//     that are the same in every column that is mapped, one is taken.
//   - A TRUNCATE is refused unless the table allows it, and is then a DELETE,
//     children first.
//
// # Comparing the two sides
//
// [Applier.Verify] compares a table's rows with the source's, in the target's own
// terms: what the applier would not write as a change is no difference, and what
// it does not write is not looked at.
//
//   - The target is read a page at a time in the order of a unique index, under
//     the manners of the session that applies; a table without one that has no
//     nulls is read by one statement. What is read goes through a sort on the
//     local disk, as keys and digests, since the two sides order keys each in
//     their own way. Memory is bounded whatever the table's size.
//   - A row that differed is looked up by its key on both sides. While the
//     pipeline is applied, VerifyConfig.CatchUp has the target get first what was
//     under way: a row is a difference only if the source's did not change while
//     the target's was read. One that changes at each of ten looks is counted as
//     unsettled.
//   - Two keys that the target's collation takes for equal are one row, whose key
//     differs.
//   - Rows without a key are counted: how many the one side has more of.
//
// [Applier.Repair] mends what differs, with the statements that applying has. It
// makes the target what the source was at the checkpoint: for a row that no
// change waits for that is what is there now, and for another it is the old row
// of the first change that waits. So it needs nothing to be drained or held on
// either side, and the next transaction finds what it expects.
// A row of a transaction that is parked differs like any other, and is mended so.
//
// # Conflicts
//
// The condition stands in the write itself: an UPDATE wants the columns that it
// sets to be as they were in the source, a DELETE the whole row, an INSERT that
// there is no row with the key. Where nobody else wrote, that is all that it
// costs. A statement that touched nothing has its row read, and compared in the
// target's own terms, to the letter. Where both sides did the same, or the row
// only looks different, there is no conflict. Otherwise Table.Conflict decides,
// in the same transaction, and so it does about what the target refuses: a
// refused statement dooms a transaction of SQL Server, so it is rolled back, and
// written again up to that change, which is then asked about. Both the conflict
// and the decision go into the ledger, a table of our own.
//
// What is parked is taken out whole, the source's transaction with all its
// changes, and held durably in our own tables. A later one waits behind it if it
// touches a row that the parked one touches, by its key or by a unique index, old
// or new; a row that refers to one, by a declared foreign key or a [Reference];
// or takes away a row that a parked one refers to. [Applier.Decide] writes it by
// a person's word, and [Applier.Release] what waited, in order.
//
// A table whose source does not send the whole old row has no base to compare
// with: an update of it writes over what the target's users wrote, and a delete
// deletes it. [Check] says so of each.
//
// # Remembering what was written
//
// With Table.Remember such a table is compared with what was last written. Behind
// each change its row is read back as the target has it then, with what triggers,
// defaults and padding made of it, and a hash of its mapped columns goes into a
// table of our own, with the row's rowversion where there is one, in the same
// transaction. The next update or delete of the row reads both, and locks the row.
// Where the row is not as it was remembered, someone else was there: it is a
// conflict of the kind UpdateDiffers or DeleteDiffers, unless the row already is
// what the source asks for. A rowversion alone that moved is none: a column that is
// not mapped moves it, too. A trigger of another table that writes to the row later
// counts as someone else; what an Emulator writes does not.
//
//   - The source's old row is not known, so Conflict.Base is nil and Differs has
//     every column in which the two sides differ, for a delete all but the key: it
//     cannot be told which side changed which. resolve.Merge takes each for one that
//     both changed, and passes where no rule decides it.
//   - Whatever is decided, but to park or to stop, the row is remembered as it is
//     then: that the target won is no conflict again. So does Repair. A transaction
//     that a person drops changes nothing.
//   - The first change of a row since the option was set cannot be compared, and is
//     made as without it. So it is behind a change of the ledger key, of which the
//     names of the rows and the hashes are made, and where there is no rowversion
//     behind one of the columns that are mapped. A table for which the option is
//     not set any more is forgotten when the next process applies.
//   - A delete and a TRUNCATE forget. The table has one row for each row that was
//     ever written and is there, about 100 bytes and the names of pipeline and
//     table; nothing is held in memory. It can be emptied at any time.
//   - A transaction of the target takes two round trips more for each 50 rows. An
//     update takes the two that it takes without the option, and a delete two, where
//     without it goes along with others. A table that does not remember pays
//     nothing. TestWhatRememberingCosts counts them: an insert, an update and a
//     delete, each alone in a transaction, take 3, 5 and 5 in place of 1, 3 and 1;
//     40 of each take 3, 83 and 83 in place of 1, 81 and 1.
//
// # Records that someone has open
//
// Where Table.Lock says how the target's own application marks one, each statement
// looks for that itself, by the row's old and new key, and writes nothing to it.
// Then it is a conflict of the kind resolve.Locked, before whatever else is the
// matter with the change, since what they have open may not be what they leave;
// not where nothing would be written, and not where several rows have the key. A
// TRUNCATE deletes nothing of a table while one of its records is open. A person
// who takes the source is refused while it is, and [Applier.Repair] leaves the row.
//
// What is parked so is tried again by Apply, at most every Config.RetryLocked: what
// is free is written, in order, with what waits behind it, and the ledger has it as
// decided by syncback. Nothing is tried while nothing is applied.
//
// The lock is looked for when the statement runs. Who opens the record before the
// transaction commits is not kept from it, since that would keep others from
// opening theirs; they read what was written. What Emulators write does not look
// for locks, as triggers do not.
//
// # Triggers
//
// The target's triggers fire on what is written, as on any other write, unless
// Table.Triggers says otherwise for a table. None is ever disabled, which would
// disable it for everyone. They are told to stay silent: while a statement of the
// table runs, and then alone, the session's CONTEXT_INFO is [SilentMarker]. A
// trigger of SQL Server of any age can look for it in its first line:
//
//	CREATE TRIGGER dbo.tr_eviction ON dbo.eviction AFTER INSERT, UPDATE AS BEGIN
//	IF SUBSTRING(CONTEXT_INFO(), 1, 8) = 0x73796E636261636B RETURN
//	…
//
// It is set before each such statement, and taken back behind them: what a pool
// or a trigger left there does not count. [Check] lists every trigger of a mapped
// table with what is chosen for it. With SuppressTriggers nobody sees whether a
// trigger heeds the marker, but for its text, in which Check looks for
// CONTEXT_INFO; one that does not fires, and does what it does.
//
// With EmulateTriggers, Table.Emulator does it instead: see
// [github.com/syncback/syncback/resolve.Emulator]. It is asked once for all that a
// transaction of the source has changed, or for each 500 changes of a large one,
// as the target has it: a decided conflict counts as what was written, and a
// change that wrote nothing is not told of. A trigger sees its own statement, and
// the Emulator the transaction. What it returns is written in its order, one row
// each, in the same transaction. On that, the triggers of each table fire or stay
// silent as is chosen for that table, and nothing is emulated again; those of a
// table that is not mapped fire. Rows that it reads are locked. Where what it says
// that a row was no longer holds, or the number that it gives a row was taken by
// another session, it is asked again in a new transaction, up to three times. A
// parked transaction is emulated when it is released. One whose Emulator returns
// what touches a parked row is parked behind it, whole, and asked about again when
// it is released.
//
// To emulate what a trigger does all the same would do it twice. So before a
// table's changes are emulated for the first time in a run, the transaction is
// rolled back and written again, with a look at the rows that the Emulator meant
// to write just before and just behind the one change. Where that made a
// difference, a trigger made it: the pipeline stops, nothing is written, and the
// error says which table's triggers it is about. A trigger that is made anew,
// altered or switched on is looked at again.
//
//   - It is looked at for each operation of a table, and each table and operation
//     of what is emulated. A trigger that does something else than the Emulator is
//     not seen.
//   - An inserted row is told by the columns of a unique index that are not whole
//     numbers, since a trigger takes other numbers; where there are none, by all
//     of its columns.
//   - Where the Emulator writes to the table that was changed, only columns that
//     the change itself does not set are told apart.
//   - Numbers that were taken from an allocator before the transaction was rolled
//     back are not given again.
//
// # Errors
//
// A conflict that stops the pipeline is a resolve.ConflictError. What it wraps
// says more: an apply.MismatchError of a row that is missing, an apply.ValueError
// of a value that its column cannot hold, a [ServerError] of what the server
// refuses. A connection that is gone is a [LostError]. Each names table and
// position where they are known, and none holds a value: SQL Server's own
// messages quote them, and are left out. Deadlocks, lock timeouts, snapshot
// conflicts, a full log, a read-only database, one that cannot be opened any more
// and lost connections are retryable; the whole transaction is then to be applied
// again, from the checkpoint. A target that says nothing for Config.AnswerTimeout
// counts as a lost connection. Whether a statement is slow or no answer will ever
// come is not to be known, so each time the next attempt may take twice as long.
//
// # Limits
//
//   - An insert into a table without a key is always new, and one that is refused
//     is refused for what the server says.
//   - A resolver is asked about one conflict at a time.
//   - What an Emulator writes to a table that remembers, before any change of that
//     table was applied in a run, makes all of that table's rows be forgotten.
//   - Deferred foreign keys and swaps of unique values, which PostgreSQL looks at
//     when a transaction ends, can fail here row by row.
//   - The catalogue is read once, by [Open].
//   - What triggers, identities and defaults make of it is not brought back.
//   - What triggers write does not wait behind what is parked. What an Emulator
//     writes does, but nothing waits behind what it would write because of a
//     parked transaction about which it was not asked.
//   - A Repair does not emulate.
//   - An Emulator is not told of a TRUNCATE, which a table that is emulated cannot
//     allow.
//   - A row that only the target has is looked for in the source by reading its
//     table again, up to three times, 20,000 rows together, while the pipeline is
//     applied: the target's key does not always tell the source's. A table without
//     a key is read up to three times on both sides, and in a Repair once more for
//     each 1,000 different rows.
//   - Repair writes a row a statement. Rows whose key is not unique, and rows
//     without a key while changes of their table wait, are told of and left.
package sqlserver
