// Package resolvetest is what a [resolve.Resolver] has to do to be one. [Run]
// checks rules against the contract, and [RunCarrier] checks what carries calls
// to rules that live elsewhere, such as package resolve/plugin. [Memory] is a
// target in memory, for tests of an Emulator.
//
//	func TestRules(t *testing.T) {
//		resolvetest.Run(t, func(testing.TB) resolve.Resolver { return rules{} })
//	}
//
// Each check quotes the clause of the contract that it is about. What the rules
// decide is theirs, and for their own tests.
package resolvetest
