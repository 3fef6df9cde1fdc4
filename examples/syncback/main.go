package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
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
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, environment())
	os.Exit(code)
}

// environment is where the file's variables are looked up. Those that PostgreSQL's
// own programs read, such as PGSERVICE, are taken out of the process: the driver
// would read them too, and one file would be another database in another shell.
func environment() lookup {
	taken := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "PG") {
			taken[name] = value
			_ = os.Unsetenv(name) // it fails for names that cannot be set either
		}
	}
	return func(name string) (string, bool) {
		if value, ok := taken[name]; ok {
			return value, true
		}
		return os.LookupEnv(name)
	}
}
