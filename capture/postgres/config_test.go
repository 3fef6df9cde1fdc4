package postgres

import (
	"strings"
	"testing"
	"time"
)

func TestParseName(t *testing.T) {
	for _, test := range []struct{ in, schema, table string }{
		{"public.tenancy", "public", "tenancy"},
		{"public.Ten Ancy", "public", "Ten Ancy"},
		{`"public".tenancy`, "public", "tenancy"},
		{`Old."Ten.Ancy"`, "Old", "Ten.Ancy"},
		{`"a""b"."c""""d"`, `a"b`, `c""d`},
		{"public.Straße", "public", "Straße"},
	} {
		n, err := parseName(test.in)
		if err != nil || n != (name{test.schema, test.table}) {
			t.Errorf("%s is %+v, %v", test.in, n, err)
		}
		if again, err := parseName(n.sql()); err != nil || again != n {
			t.Errorf("%s as SQL is read as %+v, %v", test.in, again, err)
		}
	}
	for _, in := range []string{"", ".", "a", "a.", ".b", "a.b.c", `a"b.c`, `"a.b`, `"a".`, `""."b"`, `"a"b.c`, `a."b"c`, `a.b"`} {
		if n, err := parseName(in); err == nil {
			t.Errorf("%q is read as %+v", in, n)
		}
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	good := Config{DSN: "postgres://u:secret@127.0.0.1/x", Tables: []string{"public.t"}}
	for _, test := range []struct {
		change func(*Config)
		says   string
	}{
		{func(c *Config) {}, ""},
		{func(c *Config) { c.Tables = nil }, "no tables"},
		{func(c *Config) { c.Tables = []string{"t"} }, `"t": a table is named`},
		{func(c *Config) { c.Tables = []string{"a.t", `"a".t`} }, "named twice"},
		{func(c *Config) { c.KeyOnly = []string{"public.u"} }, "key-only"},
		{func(c *Config) { c.Slot = "Sync-Back" }, "no name for a replication slot"},
		{func(c *Config) { c.Publication = strings.Repeat("p", 64) }, "longer"},
		{func(c *Config) { c.SyncEvery = -time.Second }, "SyncEvery"},
		{func(c *Config) { c.DSN = "postgres://u:secret@127.0.0.1:port/x" }, "DSN cannot be read"},
		{func(c *Config) { c.DSN = "secret" }, "DSN cannot be read"},
	} {
		cfg := good
		test.change(&cfg)
		_, err := New(cfg)
		switch {
		case test.says == "" && err != nil, test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%+v: %v, want %q", cfg, err, test.says)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func TestSwitchPoint(t *testing.T) {
	const history = "1\t0/9000000\tno recovery target specified\n\n# a remark\n2\t1A/30\tbefore 2026-01-01 00:00:00+00\n"
	for timeline, want := range map[uint32]string{1: "0/9000000", 2: "1A/30", 3: "0/0"} {
		if at, err := switchPoint(history, timeline); err != nil || at.String() != want {
			t.Errorf("timeline %d was left at %s, %v, want %s", timeline, at, err, want)
		}
	}
	if _, err := switchPoint("1\t16/B374D848xyz\tx\n", 1); err == nil {
		t.Error("a position with more behind it was read")
	}
}
