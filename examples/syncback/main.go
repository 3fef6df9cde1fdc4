package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	_ "time/tzdata" // named zones, on machines that have no zone files
)

// softMemoryLimit is from where on memory is collected eagerly. What the program
// holds is far below it, but for a row of many megabytes: what is left of the
// copies of one then goes before the next is made.
const softMemoryLimit = 160 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemoryLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, os.LookupEnv)
	os.Exit(code)
}
