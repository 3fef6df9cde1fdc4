package capturetest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Rand draws what t needs at random. Its seed is in t's log, and the environment
// variable SYNCBACK_SEED, where it is set, draws the same again.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("SYNCBACK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SYNCBACK_SEED: %v", err)
		}
	}
	t.Logf("SYNCBACK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
