// Package applytest holds the conformance suite for an [apply.Applier], and a
// target in memory that passes it.
//
// A driver's test gives [Run] a way to make an empty [Target]:
//
//	func TestConformance(t *testing.T) {
//		applytest.Run(t, func(t testing.TB, tables []*capture.Table) applytest.Target {
//			return newTarget(t, tables) // makes the tables, and the applier's own
//		})
//	}
//
// Each check quotes the clause of the contract that it is about. The suite
// cannot see what a crash of the target would undo, nor what a target does
// under load; that is for the driver's own tests.
package applytest
