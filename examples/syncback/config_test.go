package main

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver"
)

func loadText(t *testing.T, text string, env map[string]string) (*config, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sync.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(file, loadOptions{from: configFile, env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		t.Fatal(err)
	}
	return c, filepath.Dir(file)
}

func TestConfigWhole(t *testing.T) {
	const text = `
name: housing
source:
  dsn: ${SOURCE_DSN}
  slot: housing_slot
  publication: housing_pub
  heartbeat: never
  answer_timeout: 90s
target:
  dsn: ${TARGET_DSN}
  schema: sync
  max_connections: 3
  lock_timeout: 2s
  answer_timeout: 10m
  zone: Europe/London
queue:
  dir: ./q
  limit: 10GiB
  keep_for: 7d
  keep: 512MiB
  key: the secret of a council
  old_keys: [the secret before that]
schedule:
  mode: every
  every: 15m
  cron: "*/15 20-23 * * 1-5"
  blackout: ["Sat 06:00-10:00"]
  zone: Europe/London
  grace: 10s
  pace: 25%
tables:
  - source: tenancy
    target: tenagree
    key: [tag_ref]
    exclude: [tstamp]
    columns: &columns
      tenancy_ref: {to: tag_ref}
      end_date: {to: eot, null_as: "1900-01-01"}
      balance: {to: cur_bal, owner: target}
      note: {skip: true}
      rent: {round: true, truncate: true, transliterate: true, ambiguous: true}
      code: {null_as: 007}
    fixed: {house: 0010, name: "${LITERAL} $${NOT}", blank: ""}
    truncate: true
    lock:
      table: resourcelock
      on: {resourceid: tag_ref}
      where: {resource: 007}
      holder: username
    triggers: fire
    return: []
  - source: cloud."My.Table"
    target: "[a.b]"
    columns: *columns
    key_only: true
    remember: true
    lock: {holder: held_by}
plugins: []
`
	c, dir := loadText(t, text, map[string]string{
		"SOURCE_DSN": "postgres://u:p%23%27%22w@h/db",
		"TARGET_DSN": "sqlserver://u:p@h?database=d",
		"LITERAL":    "${NOT} #: x",
	})
	if c.source.DSN != "postgres://u:p%23%27%22w@h/db" || c.source.Slot != "housing_slot" ||
		c.source.Publication != "housing_pub" || c.source.Heartbeat != -1 || c.source.AnswerTimeout != 90*time.Second {
		t.Errorf("source is %+v", c.source)
	}
	if want := []string{"public.tenancy", `cloud."My.Table"`}; !reflect.DeepEqual(c.source.Tables, want) {
		t.Errorf("source tables are %q", c.source.Tables)
	}
	if want := []string{`cloud."My.Table"`}; !reflect.DeepEqual(c.source.KeyOnly, want) {
		t.Errorf("key-only tables are %q", c.source.KeyOnly)
	}
	if c.target.Pipeline != "housing" || c.target.Schema != "sync" || c.target.MaxConnections != 3 ||
		c.target.LockTimeout != 2*time.Second || c.target.AnswerTimeout != 10*time.Minute || c.target.Zone.String() != "Europe/London" {
		t.Errorf("target is %+v", c.target)
	}
	if c.queue.Dir != filepath.Join(dir, "q") || c.queue.Limit != 10<<30 ||
		c.queue.KeepFor != 7*24*time.Hour || c.queue.KeepBytes != 512<<20 ||
		string(c.queue.Key) != "the secret of a council" || len(c.queue.OldKeys) != 1 || string(c.queue.OldKeys[0]) != "the secret before that" {
		t.Errorf("queue is %+v", c.queue)
	}
	if c.schedule.Every != 15*time.Minute || len(c.schedule.Blackouts) != 1 || c.grace != 10*time.Second || c.pace != 0.25 {
		t.Errorf("schedule is %+v, grace %s, pace %v", c.schedule, c.grace, c.pace)
	}
	columns := map[string]sqlserver.Column{
		"tenancy_ref": {To: "tag_ref"},
		"end_date":    {To: "eot", NullAs: new("1900-01-01")},
		"balance":     {To: "cur_bal", OwnerTarget: true},
		"note":        {Skip: true},
		"rent":        {Lossy: sqlserver.Lossy{Round: true, Truncate: true, Transliterate: true, Ambiguous: true}},
		"code":        {NullAs: new("007")},
	}
	want := []sqlserver.Table{{
		Source: "public.tenancy", Target: "dbo.tenagree",
		Key: []string{"tag_ref"}, Exclude: []string{"tstamp"}, Columns: columns,
		Fixed:    map[string]string{"house": "0010", "name": "${NOT} #: x ${NOT}", "blank": ""},
		Truncate: true,
		Lock:     &sqlserver.RecordLock{Table: "dbo.resourcelock", On: map[string]string{"resourceid": "tag_ref"}, Where: map[string]string{"resource": "007"}, Holder: "username"},
	}, {
		Source: `cloud."My.Table"`, Target: "dbo.[a.b]", Columns: columns, Remember: true, Lock: &sqlserver.RecordLock{Holder: "held_by"},
	}}
	if !reflect.DeepEqual(c.target.Tables, want) {
		t.Errorf("tables are\n%+v\nwant\n%+v", c.target.Tables, want)
	}
}

func TestConfigDefaults(t *testing.T) {
	c, dir := loadText(t, good, nil)
	if c.source.Slot != "syncback" || c.target.Pipeline != "syncback" || c.queue.Dir != filepath.Join(dir, "queue") {
		t.Errorf("slot %q, pipeline %q, queue %q", c.source.Slot, c.target.Pipeline, c.queue.Dir)
	}
}

func TestConfigModeFollowsFromItsKey(t *testing.T) {
	every, _ := loadText(t, good+"schedule: {every: 15m}\n", nil)
	cron, _ := loadText(t, good+"schedule: {cron: '* * * * *'}\n", nil)
	plain, _ := loadText(t, good+"schedule: {grace: 1s}\n", nil)
	both, _ := loadText(t, good+"schedule: {mode: continuous, every: 15m, cron: '* * * * *'}\n", nil)
	if every.schedule.Mode != modes["every"] || cron.schedule.Mode != modes["cron"] ||
		plain.schedule.Mode != modes["continuous"] || both.schedule.Mode != modes["continuous"] {
		t.Errorf("modes are %v, %v, %v, %v", every.schedule.Mode, cron.schedule.Mode, plain.schedule.Mode, both.schedule.Mode)
	}
}

// A key of another mode is said to do nothing: a file may name them all and
// choose one by the mode.
func TestConfigSaysWhichKeysDoNothing(t *testing.T) {
	for schedule, want := range map[string][]string{
		"mode: continuous, cron: '* * * * *', every: 15m": {"schedule.every does nothing in mode continuous", "schedule.cron does nothing in mode continuous"},
		"mode: manual, every: 15m":                        {"schedule.every does nothing in mode manual"},
		"mode: cron, cron: '* * * * *'":                   nil,
		"every: 15m":                                      nil,
	} {
		if c, _ := loadText(t, good+"schedule: {"+schedule+"}\n", nil); !slices.Equal(c.idle, want) {
			t.Errorf("%s: %q, want %q", schedule, c.idle, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("a: &a [*a, ${X}, |\n  x\n]"))
	f.Add([]byte("source: {dsn: ${A}}\ntables: [{columns: {a: {to: 007}}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file := filepath.Join(t.TempDir(), "sync.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := load(file, loadOptions{from: configFile, env: func(string) (string, bool) { return "", false }})
		if _, ok := err.(*usageError); err != nil && !ok {
			t.Errorf("error %v is not a usageError", err)
		}
	})
}
