package resolvetest_test

import (
	"testing"

	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/resolvetest"
)

func TestPolicies(t *testing.T) {
	for name, policy := range map[string]resolve.Resolver{
		"source wins": resolve.SourceWins(),
		"target wins": resolve.TargetWins(),
		"halted":      resolve.Halted("see to it"),
		"a chain": resolve.First(
			resolve.Newest("modified", resolve.TargetSide),
			resolve.Merge(resolve.Merging{Both: resolve.FillBlank("")}),
			resolve.Parked("see to it"),
		),
	} {
		t.Run(name, func(t *testing.T) {
			resolvetest.Run(t, func(testing.TB) resolve.Resolver { return policy })
		})
	}
}

func TestProbe(t *testing.T) {
	resolvetest.RunCarrier(t, func(testing.TB) (resolve.Resolver, resolve.Emulator) {
		return resolvetest.Probe{}, resolvetest.Probe{}
	})
}
