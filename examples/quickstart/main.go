// Quickstart shows the whole of syncback at work, on a machine that has nothing
// prepared:
//
//	go run ./examples/quickstart
//
// It starts a private PostgreSQL and a stand-in for SQL Server, makes a small
// housing estate on both, plays a day of officers' changes in the cloud, and
// carries them to the legacy system. Then both sides change the same rows: the
// rules of a council, which it builds from examples/housing-rules and starts as a
// plugin, decide one conflict and park another, and what is parked is released. At
// last it shows both sides, and compares every row with what it must be by a model
// that shares no code with what carried it.
//
// With --source and --target it does the same between servers of yours. They
// keep the tables that it makes; --reset removes those, and nothing else, before
// another run. See --help.
//
// It exits with 0 when every row is as it must be, with 1 when one is not or
// something failed, and with 2 when it was called wrongly.
//
// To read the code, begin with tour.go, then pipeline.go: it is all that an
// importer of the library writes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main with everything that a test may want to give or see.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stdout)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "quickstart:", err)
		return 2
	}
	equal, err := tour(ctx, o, newScreen(stdout))
	switch {
	case err != nil && ctx.Err() != nil && !errors.Is(err, errLeftBehind):
		fmt.Fprintln(stderr, "quickstart: interrupted")
		return 1
	case err != nil:
		fmt.Fprintln(stderr, "quickstart:", err)
		return 1
	case !equal:
		return 1
	}
	return 0
}
