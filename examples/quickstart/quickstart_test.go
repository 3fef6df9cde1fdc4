package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/examples/internal/estate"
	"github.com/syncback/syncback/examples/internal/estate/estatetest"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }

// call runs the program and returns what it printed.
func call(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

// databases returns an empty source and an empty target.
func databases(t *testing.T) (source, target string) {
	t.Helper()
	return estatetest.CloudDSN(t, cluster), estatetest.LegacyDSN(t, cluster)
}

func open(t *testing.T, side estate.Side, dsn string) ground {
	t.Helper()
	return ground{side, estatetest.Open(t, side, dsn)}
}

func (g ground) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := g.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

func TestPrivateServers(t *testing.T) {
	code, stdout, stderr := call(t.Context(), "--rows", "60")
	if code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, stderr, stdout)
	}
	for _, want := range []string{
		"Every row of both sides is as it must be.",
		"update_differs of dbo.tenagree: take_row, by \"balance-and-rent: ",
		"delete_differs of dbo.member: park, by \"keep-members: ",
		"delete_differs of dbo.member: the source is taken",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in:\n%s", want, stdout)
		}
	}
}

// What a wrong row looks like: its table and key are named, its values are not.
func TestTamperedRowIsFound(t *testing.T) {
	source, target := databases(t)
	code, stdout, stderr := call(t.Context(), "--rows", "40", "--tamper", "--source", source, "--target", target)
	if code != 1 || stderr != "" {
		t.Fatalf("exit %d: %s\n%s", code, stderr, stdout)
	}
	if !strings.Contains(stdout, "dbo.tenagree, 000005/01: differs in rent") {
		t.Errorf("the row is not named in:\n%s", stdout)
	}
}

func TestGivenServers(t *testing.T) {
	source, target := databases(t)
	args := []string{"--rows", "40", "--source", source, "--target", target}
	if code, stdout, stderr := call(t.Context(), args...); code != 0 {
		t.Fatalf("exit %d: %s\n%s", code, stderr, stdout)
	}
	cloud := open(t, estate.Cloud, source)
	for _, kind := range []string{slot, publication} {
		if there, err := cloud.exists(t.Context(), thing{kind, own}); err != nil || there {
			t.Errorf("the %s is left behind: %v %v", kind, there, err)
		}
	}
	if code, _, stderr := call(t.Context(), args...); code != 1 || !strings.Contains(stderr, "--reset") {
		t.Errorf("a second run over the first: exit %d: %s", code, stderr)
	}
	if code, stdout, stderr := call(t.Context(), append(args, "--reset", "--seed", "2")...); code != 0 {
		t.Errorf("with --reset: exit %d: %s\n%s", code, stderr, stdout)
	}
}

// A table of the same name that somebody else made stays, with or without
// --reset.
func TestForeignTableStays(t *testing.T) {
	for _, side := range []estate.Side{estate.Cloud, estate.Legacy} {
		t.Run(side.String(), func(t *testing.T) {
			source, target := databases(t)
			g, name := open(t, estate.Cloud, source), "public.contact"
			if side == estate.Legacy {
				g, name = open(t, estate.Legacy, target), "dbo.contacts"
			}
			g.exec(t, "CREATE TABLE "+name+" (theirs int)")
			for _, reset := range []string{"--reset=false", "--reset"} {
				code, _, stderr := call(t.Context(), "--rows", "40", "--source", source, "--target", target, reset)
				if code != 1 || !strings.Contains(stderr, name) {
					t.Errorf("exit %d: %s", code, stderr)
				}
				g.exec(t, "SELECT theirs FROM "+name)
			}
			for _, other := range []ground{open(t, estate.Cloud, source), open(t, estate.Legacy, target)} {
				if made, err := other.made(t.Context()); err != nil || len(made) > 0 {
					t.Errorf("%s was built on before the refusal: %v %v", other.side, made, err)
				}
			}
		})
	}
}

func TestWrongCalls(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--sed", "1"}, "-sed"},
		{[]string{"--seed", "x"}, "-seed"},
		{[]string{"start"}, `"start"`},
		{[]string{"--source", "postgres://localhost/x"}, "--target"},
		{[]string{"--source", "postgres://localhost/x", "--target", "sqlserver//x"}, "--target"},
		{[]string{"--source", "x", "--target", "sqlserver://x"}, "--source"},
		{[]string{"--rows", "3"}, "--rows"},
		{[]string{"--rows", "3000000"}, "--rows"},
		{[]string{"--reset"}, "--reset"},
	} {
		code, stdout, stderr := call(t.Context(), test.args...)
		if code != 2 || stdout != "" {
			t.Errorf("%v: exit %d, printed %q", test.args, code, stdout)
		}
		if !strings.Contains(stderr, test.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: %q is not one line with %q in it", test.args, stderr, test.want)
		}
	}
	if code, stdout, _ := call(t.Context(), "--help"); code != 0 || !strings.Contains(stdout, "-tamper") {
		t.Errorf("--help: exit %d: %s", code, stdout)
	}
}

func TestUnreachableServer(t *testing.T) {
	code, _, stderr := call(t.Context(), "--source", "postgres://u:topsecret@127.0.0.1:1/x", "--target", "sqlserver://u:topsecret@127.0.0.1:1")
	if code != 1 || !strings.Contains(stderr, "PostgreSQL") || strings.Contains(stderr, "topsecret") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

// printed is a writer whose reader waits for something to be printed.
type printed struct {
	io.Writer
	lines chan string
}

func (p printed) Write(b []byte) (int, error) {
	p.lines <- string(b)
	return len(b), nil
}

// With --keep a change made afterwards arrives too, and an interrupt ends it all
// in order.
func TestKeepStaysInStep(t *testing.T) {
	source, target := databases(t)
	ctx, interrupt := context.WithCancel(t.Context())
	out := printed{lines: make(chan string, 1000)}
	exit := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		exit <- run(ctx, []string{"--rows", "40", "--keep", "--source", source, "--target", target}, out, &stderr)
	}()
	for line := ""; !strings.Contains(line, "target  "); {
		select {
		case line = <-out.lines:
		case code := <-exit:
			t.Fatalf("ended with %d: %s", code, stderr.String())
		}
	}
	open(t, estate.Cloud, source).exec(t, "UPDATE property SET postcode = 'E9 6XX' WHERE property_ref = '00010001'")
	legacy := open(t, estate.Legacy, target)
	for arrived := 0; arrived == 0; {
		row := legacy.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM dbo.property WHERE prop_ref = '00010001' AND post_code = 'E9 6XX'")
		if err := row.Scan(&arrived); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	interrupt()
	if code := <-exit; code != 0 {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
	if there, err := open(t, estate.Cloud, source).exists(t.Context(), thing{slot, own}); err != nil || there {
		t.Errorf("the slot is left behind: %v %v", there, err)
	}
}

// An interrupt at any stage ends the program soon, with one line that says so.
func TestInterrupt(t *testing.T) {
	for _, stage := range []string{"The same housing estate", "A day of", "PostgreSQL → queue"} {
		t.Run(stage, func(t *testing.T) {
			source, target := databases(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			out := interrupter{regexp.MustCompile(stage), interrupt}
			var stderr bytes.Buffer
			code := run(ctx, []string{"--rows", "40", "--source", source, "--target", target}, out, &stderr)
			if code != 1 || stderr.String() != "quickstart: interrupted\n" {
				t.Errorf("exit %d: %s", code, stderr.String())
			}
			if there, err := open(t, estate.Cloud, source).exists(t.Context(), thing{slot, own}); err != nil || there {
				t.Errorf("the slot is left behind: %v %v", there, err)
			}
		})
	}
}

// interrupter is a writer that interrupts once something is printed.
type interrupter struct {
	at        *regexp.Regexp
	interrupt context.CancelFunc
}

func (i interrupter) Write(b []byte) (int, error) {
	if i.at.Match(b) {
		i.interrupt()
	}
	return len(b), nil
}
