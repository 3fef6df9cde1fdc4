// Package plugin runs a council's rules in a process of their own: rules that
// crash, hang or leak take nothing with them, and are built and replaced without
// the program that asks them.
//
// # Writing one
//
//	type rules struct{}
//
//	func (rules) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
//		…
//	}
//
//	func main() { plugin.Serve(rules{}) }
//
// is a whole plugin. The value is a resolve.Resolver, a resolve.Emulator or both,
// and a [Configurer] where its rules have settings. Package resolvetest checks
// it. [Record] writes down what it is asked and what it answers, and [Replay]
// asks it the same again. A plugin compiles neither pgx nor go-mssqldb.
//
// # Guarantees
//
//   - [Start] starts nothing but the file with the given checksum. The plugin gets
//     nothing of the host's environment, input or output; both ends prove by
//     certificates, made anew for each start, who they are; a plugin that speaks
//     another version of the protocol is refused. It ends with its host, also with
//     one that is killed.
//   - A call arrives as it was: a value that is absent, null or text of any bytes
//     is the same at the other end, and so is an error's retryability. A call may
//     have any size; one conflict or change has at most 64 MiB, an answer
//     Config.MaxAnswer.
//   - A plugin that ends is started again, and one that does not answer in time is
//     killed first. The call is a retryable error: the target's transaction is
//     rolled back, and asks again. Nothing is decided by a plugin that failed. One
//     that fails over and over at the same call is an error that is not retried,
//     and is not asked that again before it is started anew by [Start].
//   - An Emulator reads the open transaction through its Target as if it were in
//     the host's process. The host's errors that it returns, or wraps, are found
//     again by errors.Is.
//
// # Limits
//
// A rule's error and the message of its log line are quoted, so a rule must not
// put values there. Log attributes are dropped, but for those that name a rule, a
// table, a column, a kind, an action, an operation or a count.
//
// The protocol is in internal/wire/rules.proto, with the command that makes its
// Go code.
package plugin
