// Package capture holds the words that every part of syncback speaks: a
// [Position] in a source, a [Tx] committed there, the [Change]s in it, the
// [Table]s and [Value]s they are made of, and the two interfaces through which
// they flow, [Capturer] and [Sink].
//
// It imports the standard library alone, so that a plugin, a test or another
// driver can speak the words without a database driver behind them.
//
// # What flows
//
// A Capturer follows a source and writes each committed transaction, whole and
// in commit order, to a Sink. A transaction is a sequence of changes that is
// pulled one at a time and never held whole; a Sink makes what it was given
// durable, and only then does the Capturer tell the source to forget it.
//
// # Guarantees
//
//   - Transactions arrive in ascending [Position], each one once it is
//     committed, none of them in part.
//   - What the source did not send is the zero [Value], absent. It is not null,
//     and nothing turns it into null.
//   - Values stay the source's own text until the one package that knows both
//     types turns them into the target's.
package capture
