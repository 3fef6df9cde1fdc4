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
// exactly one row. All of it commits together, or none.
//
// One session does this. It runs under XACT_ABORT ON, DEADLOCK_PRIORITY LOW, a
// lock timeout, READ COMMITTED, and an application name that starts with
// syncback.
//
// # What is written
//
//   - Columns of the same name are mapped to each other, without regard to case;
//     Table says what differs. A source column that has nowhere to go is an
//     error, and so is a name in the configuration that does not exist.
//   - Computed and rowversion columns, and those that are excluded or owned by
//     the target, are never written. An identity column takes the source's
//     number, under IDENTITY_INSERT, and cannot be updated.
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
// # Errors
//
// A change that does not find its row is an apply.MismatchError, a value that
// its column cannot hold an apply.ValueError, what the server refuses a
// [ServerError], a connection that is gone a [LostError]. Each names table and
// position where they are known, and none holds a value: SQL Server's own
// messages quote them, and are left out. Deadlocks, lock timeouts, snapshot
// conflicts, a full log, a read-only database and lost connections are
// retryable; the whole transaction is then to be applied again, from the
// checkpoint.
//
// # Limits
//
//   - What the target's own users did to a row meanwhile is not looked at: the
//     columns that changed in the source are written.
//   - Deferred foreign keys and swaps of unique values, which PostgreSQL looks at
//     when a transaction ends, can fail here row by row.
//   - The catalogue is read once, by [Open].
//   - What triggers, identities and defaults make of it is not brought back.
package sqlserver
