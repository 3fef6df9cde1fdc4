// Package capturetest has what it takes to test capturing: Run, the conformance
// suite that every capture.Capturer must pass; Script, a Capturer that replays
// transactions from memory; and Sink, a capture.Sink in memory.
//
// Rand is what a test draws at random from, and can be given its seed again.
//
// A driver runs the suite over a source of its own:
//
//	func TestConformance(t *testing.T) {
//		capturetest.Run(t, func(t *testing.T) capturetest.Source { return newSource(t) })
//	}
package capturetest
