package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
)

const usage = `syncback keeps a SQL Server database in step with a PostgreSQL one.

usage: syncback COMMAND [-c FILE]

  check               whether both databases are fit to run; changes nothing
  ddl                 print the T-SQL of our own tables, for a DBA to execute
  run                 capture and apply until interrupted
  run --until-idle    apply what is committed by now, then exit
  status [--json]     how far source, queue and target are
  pause, resume       stop and restart applying; capture goes on
  verify              compare the two sides; list the keys of rows that differ
  verify --repair     and mend the target, while no run is active
  conflicts list      what waits for a decision; with --all, the whole ledger
  conflicts show ID   one conflict, with the rows of both sides
  conflicts resolve ID --take source|target|row|drop
                      decide about it; --row FILE has the row as JSON, --reason
                      TEXT says why, which drop needs
  plan --policy FILE  what the conflicts in the ledger would have come to under
                      the policies of another configuration; writes nothing
  version             which version of this program it is
  help                print this

  -c, --config FILE   the configuration; sync.yaml when not given
  --limit N           of verify: list N rows at most

Exit status: 0 done, 1 failed or not fit, 2 wrong usage or configuration.
`

// Exit codes, a contract with whoever calls the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is a mistake in the command line or the configuration: one
// sentence that names the thing and what to do.
type usageError struct{ sentence string }

func (e *usageError) Error() string { return e.sentence }

func misuse(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// lookup finds an environment variable, as os.LookupEnv does.
type lookup func(name string) (string, bool)

// session is one invocation: what a command works with.
type session struct {
	call
	cfg            *config
	other          *config // of plan: the configuration whose policies are tried
	stdout, stderr io.Writer
	secrets        *secrets
}

// run does what args ask for and returns the exit code. It prints results to
// stdout, and on failure one sentence to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, env lookup) int {
	known := &secrets{}
	s := &session{
		stdout:  &redactor{stdout, known},
		stderr:  &redactor{stderr, known},
		secrets: known,
	}
	err := s.dispatch(ctx, args, env)
	if err == nil {
		return exitDone
	}
	if endOf(ctx, err) {
		err = fmt.Errorf("%s was interrupted before it was done; run it again", s.command)
	}
	fmt.Fprintf(s.stderr, "syncback: %s\n", sentence(err))
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func (s *session) dispatch(ctx context.Context, args []string, env lookup) (err error) {
	if s.call, err = parseCall(args); err != nil {
		return err
	}
	if s.command == "help" {
		_, err := io.WriteString(s.stdout, usage)
		return err
	}
	if s.command == "version" {
		return s.printVersion()
	}
	s.cfg, err = load(s.config, loadOptions{env: env, from: configFile, offline: s.command == "ddl"})
	if err != nil {
		return err
	}
	s.secrets.hide(s.cfg.secrets()...)
	if s.command == "check" || s.command == "run" {
		for _, idle := range s.cfg.idle {
			fmt.Fprintf(s.stderr, "syncback: note: %s: %s\n", s.config, idle)
		}
	}
	if s.policy != "" {
		if err := s.loadOther(env); err != nil {
			return err
		}
	}
	return commands[s.command].do(s, ctx)
}

// commands are those of this version, with the flags that each one has beside
// -c.
var commands = map[string]struct {
	flags []string
	words int              // how many arguments it has at most
	valid func(call) error // what is wrong with them; nil takes any
	do    func(*session, context.Context) error
}{
	"check":     {do: (*session).check},
	"ddl":       {do: (*session).ddl},
	"run":       {do: (*session).run, flags: []string{"until-idle"}},
	"version":   {},
	"status":    {do: (*session).status, flags: []string{"json"}},
	"pause":     {do: (*session).pause},
	"resume":    {do: (*session).resume},
	"verify":    {do: (*session).verify, flags: []string{"repair", "limit"}},
	"plan":      {do: (*session).plan, valid: call.validPlan, flags: []string{"policy"}},
	"conflicts": {do: (*session).conflicts, words: 2, valid: call.validConflicts, flags: []string{"all", "take", "row", "reason"}},
}

// later are commands that the contract names and this version lacks.
var later = []string{"explain"}

// call is a command line that was understood.
type call struct {
	command   string
	config    string
	args      [2]string // behind the command
	untilIdle bool
	json      bool
	repair    bool
	limit     int // -1 is none
	all       bool
	take      string
	row       string
	reason    string
	policy    string
}

// parseCall reads a command line. Flags may stand before and after the command.
func parseCall(args []string) (call, error) {
	var c call
	fs := flag.NewFlagSet("syncback", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.config, "c", "sync.yaml", "")
	fs.StringVar(&c.config, "config", "sync.yaml", "")
	fs.BoolVar(&c.untilIdle, "until-idle", false, "")
	fs.BoolVar(&c.json, "json", false, "")
	fs.BoolVar(&c.repair, "repair", false, "")
	fs.IntVar(&c.limit, "limit", -1, "")
	fs.BoolVar(&c.all, "all", false, "")
	fs.StringVar(&c.take, "take", "", "")
	fs.StringVar(&c.row, "row", "", "")
	fs.StringVar(&c.reason, "reason", "", "")
	fs.StringVar(&c.policy, "policy", "", "")
	var words []string
	for rest := args; ; rest = fs.Args()[1:] {
		if err := fs.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return call{command: "help"}, nil
		} else if err != nil {
			return c, misuse("%v; `syncback help` lists commands and flags", err)
		}
		if fs.NArg() == 0 {
			break
		}
		words = append(words, fs.Arg(0))
	}
	if len(words) == 0 {
		return c, misuse("no command given; `syncback help` lists them")
	}
	c.command = words[0]
	copy(c.args[:], words[1:])
	return c, c.verify(words[1:], fs)
}

// verify says what is wrong with the arguments and the flags of a call.
func (c call) verify(args []string, fs *flag.FlagSet) error {
	if c.command == "help" {
		return nil
	}
	if slices.Contains(later, c.command) {
		return misuse("%s is not in this version; `syncback help` lists the commands that are", c.command)
	}
	command, ok := commands[c.command]
	if !ok {
		return misuse("unknown command %q; `syncback help` lists the commands", c.command)
	}
	if c.limit < -1 {
		return misuse("--limit must be a number of rows, from 0")
	}
	if len(args) > command.words {
		what := "argument"
		if command.words > 0 {
			what = "further argument"
		}
		return misuse("%s takes no %s, and was given %q", c.command, what, args[command.words])
	}
	var wrong error
	fs.Visit(func(f *flag.Flag) {
		if f.Name != "c" && f.Name != "config" && !slices.Contains(command.flags, f.Name) {
			wrong = misuse("%s has no flag --%s; `syncback help` lists the flags", c.command, f.Name)
		}
	})
	if wrong == nil && command.valid != nil {
		wrong = command.valid(c)
	}
	return wrong
}

// failure says on which side something failed, source or target.
func failure(side string, err error) error {
	if capture.Retryable(err) {
		return fmt.Errorf("%s: %w; see that the server is up and that %s.dsn is right", side, err, side)
	}
	return fmt.Errorf("%s: %w", side, err)
}

// sentence is err on one line.
func sentence(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(c rune) bool { return c == '\n' || c == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
