//go:build unix

package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

func init() {
	mains["council"] = func() { plugin.Serve(&council{}) }
	mains["norules"] = func() { plugin.Serve("rules") }
	mains["talking"] = func() { plugin.Serve(talking{}) }
	mains["ending"] = func() { os.Exit(3) }
	mains["greeting"] = func() { fmt.Println("SECRET"); time.Sleep(time.Hour) }
	mains["endless"] = func() { _, _ = os.Stdout.Write(bytes.Repeat([]byte("SECRET"), 1<<20)); time.Sleep(time.Hour) }
	mains["unsafe"] = func() { fmt.Println("1|1|unix|/tmp/x|grpc|"); time.Sleep(time.Hour) }
	mains["netrpc"] = func() { fmt.Println("1|1|unix|/tmp/x|netrpc|" + strings.Repeat("x", 60)); time.Sleep(time.Hour) }
	mains["version7"] = version7
	mains["host"] = hostProcess
}

// council are rules with a setting.
type council struct {
	talking
	level string
}

func (c *council) Configure(config map[string]string) error {
	for key, value := range config {
		switch {
		case key != "dwelling_level":
			return fmt.Errorf("there is no setting %s; there is dwelling_level", key)
		case value == "panic":
			panic("SECRET")
		case value == "exit":
			os.Exit(4)
		case value == "hang":
			select {}
		}
		c.level = value
	}
	return nil
}

func (c *council) Resolve(_ context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	return []resolve.Resolution{{Reason: "level " + c.level}}, nil
}

// version7 is a plugin of a later release.
func version7() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{MagicCookieKey: "SYNCBACK_PLUGIN", MagicCookieValue: "resolve"},
		VersionedPlugins: map[int]goplugin.PluginSet{7: {"rules": later{}}},
		GRPCServer:       goplugin.DefaultGRPCServer,
		Logger:           hclog.NewNullLogger(),
	})
}

type later struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (later) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (later) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

// TestRefused: what cannot be started is one clear sentence, which says what to
// do where there is something.
func TestRefused(t *testing.T) {
	text := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		main string
		edit func(*plugin.Config)
		says string
	}{
		"no path":           {edit: func(c *plugin.Config) { c.Path = "" }, says: "plugin NAME has no path"},
		"no file":           {edit: func(c *plugin.Config) { c.Path = "/nonexistent/rules" }, says: "plugin NAME cannot be read from /nonexistent/rules: no such file or directory; give the right path, of a file that this user may read"},
		"no checksum":       {edit: func(c *plugin.Config) { c.SHA256 = "" }, says: "plugin NAME has no sha256; that of PATH is SUM, to be given if it is the file that is meant"},
		"wrong checksum":    {edit: func(c *plugin.Config) { c.SHA256 = strings.Repeat("0", 64) }, says: "plugin NAME was not started, since PATH is not the file that is meant: its sha256 is SUM"},
		"no program":        {edit: func(c *plugin.Config) { c.Path, c.SHA256 = text, fileSum(text) }, says: "plugin NAME cannot be started from " + text + ": permission denied; make it executable"},
		"ends":              {main: "ending", says: "plugin NAME ended with exit status 3 before it said that it is a plugin; see that path is the plugin"},
		"says nothing":      {main: "sleeping", edit: soon, says: "plugin NAME did not come up within 300ms; raise start_timeout, or see that path is the plugin"},
		"greets":            {main: "greeting", says: "plugin NAME cannot be used: PATH is not a plugin, or wrote to its standard output before it said that it is one"},
		"greets on and on":  {main: "endless", says: "plugin NAME cannot be used: PATH is not a plugin, or wrote to its standard output before it said that it is one"},
		"no certificate":    {main: "unsafe", says: "plugin NAME cannot be used: PATH has no certificate, without which nobody knows who answers"},
		"not gRPC":          {main: "netrpc", says: "plugin NAME cannot be used: PATH does not speak gRPC"},
		"another version":   {main: "version7", says: "plugin NAME cannot be used: PATH speaks version 7 of the protocol, and this program speaks version 1; build the two with the same release"},
		"no rules":          {main: "norules", says: "plugin NAME has no rules: what it serves is neither a Resolver nor an Emulator"},
		"takes no settings": {main: "probe", edit: setting("dwelling_level", "7"), says: "plugin NAME refuses its configuration: it takes none"},
		"unknown setting":   {main: "council", edit: setting("level", "7"), says: "plugin NAME refuses its configuration: there is no setting level; there is dwelling_level"},
		"setting panics":    {main: "council", edit: setting("dwelling_level", "panic"), says: "plugin NAME refuses its configuration: it panicked with a string"},
		"setting exits":     {main: "council", edit: setting("dwelling_level", "exit"), says: "plugin NAME ended with exit status 4 over its configuration"},
	} {
		t.Run(name, func(t *testing.T) {
			c := config(t, "probe")
			if test.main != "" {
				c = config(t, test.main)
			}
			path := c.Path
			if test.edit != nil {
				test.edit(&c)
			}
			p, err := plugin.Start(t.Context(), c)
			if err == nil {
				_ = p.Close()
				t.Fatal("it was started")
			}
			want := strings.NewReplacer("NAME", c.Name, "PATH", path, "SUM", ownSum()).Replace(test.says)
			if err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func soon(c *plugin.Config) { c.StartTimeout = 300 * time.Millisecond }

func setting(key, value string) func(*plugin.Config) {
	return func(c *plugin.Config) { c.Config = map[string]string{key: value} }
}

// TestHangsOverItsConfiguration: a start ends in time.
func TestHangsOverItsConfiguration(t *testing.T) {
	c := config(t, "council")
	setting("dwelling_level", "hang")(&c)
	c.StartTimeout = 3 * time.Second
	_, err := plugin.Start(t.Context(), c)
	if err == nil || !slices.Contains([]string{
		"plugin council did not take its configuration within 3s; raise start_timeout",
		"plugin council did not come up within 3s; raise start_timeout, or see that path is the plugin", // on a slow machine
	}, err.Error()) {
		t.Errorf("%v", err)
	}
}

// TestConfigured: the rules are configured at each start.
func TestConfigured(t *testing.T) {
	c := config(t, "council")
	setting("dwelling_level", "7")(&c)
	c.Backoff = capture.Backoff{Min: time.Millisecond}
	p := start(t, c)
	for range 2 {
		answers, err := askedAgain(t, p, "council")
		if err != nil || answers[0].Reason != "level 7" {
			t.Fatalf("%v, %v", answers, err)
		}
		process := p.Process(t.Context())
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
		for !p.Gone(process.Pid) {
			time.Sleep(time.Millisecond)
		}
	}
}

// TestPathOfOneWord: it is the file in the working directory, whose checksum was
// compared, and not one of that name in PATH.
func TestPathOfOneWord(t *testing.T) {
	c := config(t, "probe")
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "probe"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", elsewhere)
	t.Chdir(filepath.Dir(c.Path))
	c.Path = "probe"
	if _, err := asked(start(t, c), "answer"); err != nil {
		t.Error(err)
	}
}

// TestReplaced: a file that is replaced while the plugin runs is not started.
func TestReplaced(t *testing.T) {
	c := config(t, "probe")
	c.Backoff = capture.Backoff{Min: time.Millisecond}
	p := start(t, c)
	if err := os.Remove(c.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.Path, []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Process(t.Context()).Kill(); err != nil {
		t.Fatal(err)
	}
	_, err := askedAgain(t, p, "answer")
	if err == nil || !strings.HasPrefix(err.Error(), "plugin probe was not started, since "+c.Path+" is not the file that is meant") {
		t.Errorf("%v", err)
	}
}

// talking are rules that write wherever they can, and answer with their
// environment.
type talking struct{}

func (talking) Resolve(context.Context, []*resolve.Conflict) ([]resolve.Resolution, error) {
	slog.Warn("a rule was asked", "table", "dbo.account", "name", "SECRET", "count", 3)
	slog.With("rule", "newest", "name", "SECRET").WithGroup("SECRET").Info("in a group", "table", "SECRET")
	slog.Debug("two\nlines")
	log.Print("SECRET")
	fmt.Println("SECRET")
	fmt.Fprintln(os.Stderr, "SECRET")
	println("SECRET")
	in, _ := io.ReadAll(io.LimitReader(os.Stdin, 0))
	return []resolve.Resolution{{Reason: strings.Join(os.Environ(), " ") + string(in)}}, nil
}

func (talking) Emulate(context.Context, []capture.Change, resolve.Target) ([]capture.Change, error) {
	return nil, nil
}

// TestWhatIsWritten: the plugin's log lines reach the host's log without values;
// what else it writes reaches whoever asked for it, and is told of.
func TestWhatIsWritten(t *testing.T) {
	t.Setenv("SYNCBACK_TEST_PASSWORD", "SECRET")
	var logged, output buffer
	c := config(t, "talking")
	c.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Output = &output
	p := start(t, c)
	answers, err := asked(p, "talk")
	if err != nil {
		t.Fatal(err)
	}
	if env := answers[0].Reason; strings.Contains(env, "PASSWORD") || strings.Contains(env, "PATH=") || strings.Contains(env, "HOME=") {
		t.Errorf("the plugin has the host's environment: %s", env)
	}
	for strings.Count(output.String(), "SECRET") < 4 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond) // two of them come by go-plugin's own stream
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	text := logged.String()
	for _, want := range []string{
		`level=WARN msg="a rule was asked" plugin=talking table=dbo.account count=3`,
		`level=INFO msg="in a group" plugin=talking rule=newest`,
		`level=DEBUG msg="two lines" plugin=talking`,
		`level=WARN msg="the plugin writes something that is no log line; it is not quoted, since it may hold values" plugin=talking`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the log has no line %s", want)
		}
	}
	if strings.Contains(text, "SECRET") || strings.Contains(text, "PASSWORD") {
		t.Errorf("the log has a value:\n%s", text)
	}
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// hostProcess starts the plugin beside it, says which process it is, and waits.
func hostProcess() {
	dir := filepath.Dir(os.Args[0])
	p, err := plugin.Start(context.Background(), plugin.Config{Name: "probe", Path: filepath.Join(dir, "probe"), SHA256: ownSum(), StartTimeout: time.Minute})
	if err != nil {
		panic(err)
	}
	fmt.Println(plugin.Pid(p))
	select {}
}

// TestHostKilled: a plugin ends with its host, also with one that is killed.
func TestHostKilled(t *testing.T) {
	path, _ := program(t, "host")
	if err := os.Symlink(path, filepath.Join(filepath.Dir(path), "probe")); err != nil {
		t.Fatal(err)
	}
	host := exec.Command(path)
	host.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanln(out, &pid); err != nil || !alive(pid) {
		t.Fatalf("no plugin was started: %v", err)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait() // "signal: killed"
	for alive(pid) && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
}

// TestByHand: a plugin that someone starts says what it is.
func TestByHand(t *testing.T) {
	path, _ := program(t, "probe")
	out, err := exec.Command(path).CombinedOutput()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.HasPrefix(out, []byte("This is a plugin of syncback")) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestImports: who writes rules compiles no database driver.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".", "../resolvetest").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		for _, driver := range []string{"github.com/jackc/", "github.com/microsoft/go-mssqldb", "database/sql", "github.com/syncback/syncback/apply", "github.com/syncback/syncback/queue"} {
			if strings.HasPrefix(path, driver) {
				t.Errorf("a plugin compiles %s", path)
			}
		}
	}
}
