package plugin_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
	"github.com/syncback/syncback/resolve/resolvetest"
)

// mains are the programs that this test binary is under another name: the
// plugins of these tests.
var mains = map[string]func(){
	"probe":    func() { plugin.Serve(resolvetest.Probe{}) },
	"policies": func() { plugin.Serve(policies) },
}

func TestMain(m *testing.M) {
	if main, ok := mains[filepath.Base(os.Args[0])]; ok {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program returns the path of one of mains, and its checksum.
func program(t testing.TB, name string) (path, sum string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path, ownSum()
}

// ownSum is the checksum of this test binary.
var ownSum = sync.OnceValue(func() string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return fileSum(self)
})

func fileSum(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// config is for one of mains.
func config(t testing.TB, name string) plugin.Config {
	path, sum := program(t, name)
	return plugin.Config{Name: name, Path: path, SHA256: sum, StartTimeout: time.Minute, CallTimeout: time.Minute}
}

// start starts one of mains.
func start(t testing.TB, c plugin.Config) *plugin.Plugin {
	t.Helper()
	p, err := plugin.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// policies are rules of the kind that a council writes.
var policies = resolve.First(
	resolve.Newest("modified", resolve.TargetSide),
	resolve.Merge(resolve.Merging{Both: resolve.FillBlank("")}),
	resolve.Parked("a person must look at it"),
)

func TestConformance(t *testing.T) {
	for name, start := range map[string]func(testing.TB) resolve.Resolver{
		"in process":    func(testing.TB) resolve.Resolver { return policies },
		"over the wire": func(t testing.TB) resolve.Resolver { return start(t, config(t, "policies")).Resolver },
	} {
		t.Run(name, func(t *testing.T) { resolvetest.Run(t, start) })
	}
}

func TestCarrier(t *testing.T) {
	for name, start := range map[string]func(testing.TB) (resolve.Resolver, resolve.Emulator){
		"in process": func(testing.TB) (resolve.Resolver, resolve.Emulator) {
			return resolvetest.Probe{}, resolvetest.Probe{}
		},
		"over the wire": func(t testing.TB) (resolve.Resolver, resolve.Emulator) {
			p := start(t, config(t, "probe"))
			return p.Resolver, p.Emulator
		},
	} {
		t.Run(name, func(t *testing.T) { resolvetest.RunCarrier(t, start) })
	}
}
