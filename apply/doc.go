// Package apply writes queued transactions to a target: an [Applier] is one
// kind of target, [Drain] carries transactions from a queue to it, and a
// [Schedule] says when it may.
//
// # Guarantees
//
//   - Every transaction has its effect exactly once, in the order of the
//     source's commits. The target's checkpoint commits with the data, and
//     Drain decides by it alone what comes next, at its start and after every
//     failure.
//   - A source transaction is never split over two transactions of the target.
//     Several small ones may share one, within the bounds of a [Config].
//   - Nothing is skipped. What cannot be applied stops Drain with a [TxError]
//     that names the transaction, once everything before it has been applied.
//   - Of two processes that apply the same pipeline one is refused with
//     [ErrFenced].
//   - A blackout starts no work, and work in progress when one begins has a
//     grace period and is then rolled back.
//   - Drain holds the handles of a bounded number of transactions, and the
//     changes of none.
//
// # Use
//
//	queue, err := …                          // a queue.Queue that queue.Fill fills
//	target, err := …                         // an Applier
//	err = apply.Begin(ctx, queue, target, capturer.Begin)
//	night, err := apply.ParseBlackout("Sat 06:00-10:00")
//	err = apply.Drain(ctx, queue, target, apply.Config{
//		Schedule: apply.Schedule{
//			Mode:      apply.Every,
//			Every:     15 * time.Minute,
//			Blackouts: []apply.Blackout{night},
//		},
//	})
//
// # Limits
//
//   - One transaction that is larger than a group's bounds is applied alone and
//     whole, and holds the target's locks for as long as that takes.
//   - Firings of a Schedule that pass while no process runs are not made up.
//   - When a window's work is done is told by the queue having had nothing for
//     Config.Idle: the interface has no other word for "nothing is there".
//   - Transactions are applied one group after the other, none in parallel.
package apply
