package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// options are what the program was called with.
type options struct {
	source, target string // DSNs; both empty means private servers
	seed           uint64
	tenancies      int
	reset          bool // remove what an earlier run left
	keep           bool // stay in step until interrupted
	tamper         bool // alter a row of the target before the comparison
}

// errHelp says that help was asked for, and printed.
var errHelp = errors.New("help")

// fewestTenancies are enough for everything that happens in the day.
const fewestTenancies = 20

func parseOptions(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.source, "source", "", "`DSN` of a PostgreSQL database (postgres://…) instead of a private one; its wal_level is logical")
	flags.StringVar(&o.target, "target", "", "`DSN` of a SQL Server database (sqlserver://…) instead of the stand-in")
	flags.Uint64Var(&o.seed, "seed", 1, "`N`: what the rows and the day are made from")
	flags.IntVar(&o.tenancies, "rows", 2000, "`N` current tenancies; each comes with about six more rows, and with ten in the debit run")
	flags.BoolVar(&o.reset, "reset", false, "first remove what an earlier run left in the source and the target")
	flags.BoolVar(&o.keep, "keep", false, "print both DSNs and stay in step until Ctrl-C")
	flags.BoolVar(&o.tamper, "tamper", false, "alter one row of the target before the comparison, which must notice")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(help, "usage: go run ./examples/quickstart [flags]")
		flags.SetOutput(help)
		flags.PrintDefaults()
		return o, errHelp
	case err != nil:
		return o, fmt.Errorf("%w; --help lists the flags", err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag; --help lists the flags", flags.Arg(0))
	}
	return o, o.validate()
}

func (o options) validate() error {
	switch {
	case (o.source == "") != (o.target == ""):
		return errors.New("--source and --target go together: give both, or neither for private servers")
	case o.reset && o.source == "":
		return errors.New("--reset is for servers of yours: private ones are new every time")
	case o.tenancies < fewestTenancies:
		return fmt.Errorf("--rows is %d, and a day needs at least %d tenancies", o.tenancies, fewestTenancies)
	case o.tenancies > 100_000:
		return fmt.Errorf("--rows is %d; references end at 100000", o.tenancies)
	}
	if o.source == "" {
		return nil
	}
	if !isURL(o.target, "sqlserver") {
		return errors.New("--target is not a sqlserver:// URL")
	}
	if !isURL(o.source, "postgres") && !isURL(o.source, "postgresql") && !strings.Contains(o.source, "=") {
		return errors.New("--source is neither a postgres:// URL nor keywords and values")
	}
	return nil
}

// isURL reports whether a DSN is a URL of the scheme. The DSN is never printed:
// it may hold a password.
func isURL(dsn, scheme string) bool {
	u, err := url.Parse(dsn)
	return err == nil && u.Scheme == scheme && u.Host != ""
}
