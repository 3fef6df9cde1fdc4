// Package resolve decides what becomes of a change that does not fit its
// target: where both sides changed the same thing, and where the target will
// not take what the source sent.
//
// The applier finds a [Conflict] inside the target's transaction, asks a
// [Resolver], does what the [Resolution] says, and writes down both in the same
// transaction. The policies of this package are Resolvers; a [Func] is one too,
// and package resolve/plugin has one that lives in a process of its own.
//
// # Guarantees
//
//   - A Resolver is asked inside the open transaction, and may be asked the same
//     again after a crash or a retry: it answers the same from the same
//     Conflict, and changes nothing by being asked.
//   - What no one decides stops the pipeline. The zero [Resolution] halts, and so
//     does an answer that makes no sense for its Conflict.
//   - Values are those of the target's columns, in one text form for each type,
//     so that two are equal exactly when the target holds them alike: padding,
//     sentinels and rounding are no difference.
//
// # Use
//
//	rule := resolve.First(
//		resolve.Newest("modified", resolve.TargetSide),
//		resolve.Parked("a person must look at it"),
//	)
//
// keeps of two rows the one that was modified last, the target's where both were
// modified in the same moment, and parks what has no such column.
//
// The package imports capture alone.
package resolve
