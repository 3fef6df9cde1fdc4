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
  help                print this

  -c, --config FILE   the configuration; sync.yaml when not given

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
	s.cfg, err = load(s.config, loadOptions{env: env, offline: s.command == "ddl"})
	if err != nil {
		return err
	}
	s.secrets.hide(s.cfg.source.DSN, s.cfg.target.DSN)
	return commands[s.command].do(s, ctx)
}

// commands are those of this version, with the flags that each one has beside
// -c.
var commands = map[string]struct {
	flags []string
	do    func(*session, context.Context) error
}{
	"check":  {do: (*session).check},
	"ddl":    {do: (*session).ddl},
	"run":    {do: (*session).run, flags: []string{"until-idle"}},
	"status": {do: (*session).status, flags: []string{"json"}},
	"pause":  {do: (*session).pause},
	"resume": {do: (*session).resume},
}

// later are commands that the contract names and this version lacks.
var later = []string{"plan", "conflicts", "verify", "explain"}

// call is a command line that was understood.
type call struct {
	command   string
	config    string
	untilIdle bool
	json      bool
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
	return c, c.verify(words, fs)
}

// verify says what is wrong with the words and the flags of a call.
func (c call) verify(words []string, fs *flag.FlagSet) error {
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
	if len(words) > 1 {
		return misuse("%s takes no argument, and was given %q", c.command, words[1])
	}
	var wrong error
	fs.Visit(func(f *flag.Flag) {
		if f.Name != "c" && f.Name != "config" && !slices.Contains(command.flags, f.Name) {
			wrong = misuse("%s has no flag --%s; `syncback help` lists the flags", c.command, f.Name)
		}
	})
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
