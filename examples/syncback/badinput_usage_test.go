package main_test

import "strings"

// good is a configuration with nothing wrong in it, and no server behind it.
const good = `source:
  dsn: postgres://u:source-secret@127.0.0.1:1/db
target:
  dsn: sqlserver://u:target-secret@127.0.0.1:1?database=db
tables:
  - source: public.tenancy
    target: dbo.tenagree
`

// with is good with more lines. Those that begin with four blanks belong to its
// table.
func with(lines string) string { return good + lines }

// instead is good with something else in the place of a part of it.
func instead(of, other string) string { return strings.Replace(good, of, other, 1) }

var badCommands = []badInput{
	{name: "no command", args: "", want: "no command given; `syncback help` lists them"},
	{name: "only a flag", args: "-c sync.yaml", want: "no command given; `syncback help` lists them"},
	{name: "unknown command", args: "chekc", want: "unknown command \"chekc\"; `syncback help` lists the commands"},
	{name: "explain", args: "explain", want: "explain is not in this version; `syncback help` lists the commands that are"},
	{name: "plan without a policy", args: "plan", want: "plan needs --policy FILE, a configuration with the policies to try"},
	{name: "argument of verify", args: "verify tenancy", want: `verify takes no argument, and was given "tenancy"`},
	{name: "flag of verify", args: "run --repair", want: "run has no flag --repair; `syncback help` lists the flags"},
	{name: "limit", args: "verify --limit -5", want: "--limit must be a number of rows, from 0"},
	{name: "limit without number", args: "verify --limit all", want: "invalid value \"all\" for flag -limit: parse error; `syncback help` lists commands and flags"},
	{name: "explain", args: "explain dbo.t 1", want: "explain is not in this version; `syncback help` lists the commands that are"},
	{name: "argument of version", args: "version 1", want: `version takes no argument, and was given "1"`},
	{name: "argument", args: "run now", want: `run takes no argument, and was given "now"`},
	{name: "unknown flag", args: "run --fast", want: "flag provided but not defined: -fast; `syncback help` lists commands and flags"},
	{name: "another command's flag", args: "check --json", want: "check has no flag --json; `syncback help` lists the flags"},
	{name: "flag of run", args: "status --until-idle", want: "status has no flag --until-idle; `syncback help` lists the flags"},
	{name: "flag without value", args: "run -c", want: "flag needs an argument: -c; `syncback help` lists commands and flags"},
	{name: "two commands", args: "check run", want: `check takes no argument, and was given "run"`},
	{name: "capitals", args: "Run", want: "unknown command \"Run\"; `syncback help` lists the commands"},
	{name: "no switch", args: "run --until-idle=perhaps", want: "invalid boolean value \"perhaps\" for -until-idle: parse error; `syncback help` lists commands and flags"},
	{name: "three dashes", args: "run ---until-idle", want: "bad flag syntax: ---until-idle; `syncback help` lists commands and flags"},
}

var badFiles = []badInput{
	{name: "no file", args: "run", want: "sync.yaml: there is no such file; name the configuration with -c FILE"},
	{name: "no such folder", args: "run -c nowhere/sync.yaml", want: "nowhere/sync.yaml: there is no such file; name the configuration with -c FILE"},
	{name: "file in a file", args: "run -c empty.yaml/sync.yaml", want: "empty.yaml/sync.yaml cannot be read: not a directory; name a file that this user may read with -c FILE"},
	{name: "unreadable file", args: "run -c closed.yaml", want: "closed.yaml cannot be read: permission denied; name a file that this user may read with -c FILE"},
	{name: "folder", args: "run -c folder", want: "folder cannot be read: is a directory; name a file that this user may read with -c FILE"},
	{name: "pipe", args: "run -c pipe", want: "pipe: is not a regular file; name one that has the configuration with -c FILE"},
	{name: "endless file", args: "run -c /dev/zero", want: "/dev/zero: is not a regular file; name one that has the configuration with -c FILE"},
	{name: "folder for a policy", args: "plan -c good.yaml --policy folder", want: "folder cannot be read: is a directory; name a file that this user may read with --policy FILE"},
	{name: "policy that is not there", args: "plan -c good.yaml --policy nowhere", want: "nowhere: there is no such file; name the configuration with the policies to try with --policy FILE"},
	{name: "name without letters", args: "run -c ", want: "-c was given no name; name the configuration with -c FILE"},
	{name: "empty file", args: "run -c empty.yaml", want: "empty.yaml: the file is empty; source, target and tables are required"},
	{name: "blank file", args: "run -c blank.yaml", want: "blank.yaml: the file is empty; source, target and tables are required"},
	{name: "comments alone", args: "run -c comment.yaml", want: "comment.yaml: the file is empty; source, target and tables are required"},
	{name: "binary file", args: "run -c binary.yaml", want: "binary.yaml line 1: holds the control character U+007F; take it out"},
	{name: "zero byte", args: "run -c zero.yaml", want: "zero.yaml line 1: holds the control character U+0000; take it out"},
	{name: "control character", args: "run -c bell.yaml", want: "bell.yaml line 2: holds the control character U+0007; take it out"},
	{name: "UTF-16", args: "run -c utf16.yaml", want: "utf16.yaml: is text in UTF-16; save it as UTF-8"},
	{name: "Latin-1", args: "run -c latin1.yaml", want: "latin1.yaml line 2: is not text in UTF-8; save the file as UTF-8"},
	{name: "large file", args: "run -c large.yaml", want: "large.yaml: is larger than 4 MiB, and so no configuration; name it with -c FILE"},
	{name: "mark of UTF-8", file: "\ufeffsource: {}\n", args: "run", want: "sync.yaml: source.dsn: required, a PostgreSQL URL"},
}
