package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/queue"
)

// config is the file, as what the libraries are configured with.
type config struct {
	source   postgres.Config
	target   sqlserver.Config
	queue    queue.Config
	schedule apply.Schedule
	grace    time.Duration // 0 is apply's default
	pace     float64       // likewise
	plugins  []*pluginConfig
	// given are the environment's variables that plugins are configured with.
	given []string
	idle  []string // what the file has that does nothing
}

// secrets are what is not shown, whoever quotes it.
func (c *config) secrets() []string {
	return append([]string{c.source.DSN, c.target.DSN}, c.given...)
}

// loadOptions say how to read the file.
type loadOptions struct {
	env  lookup
	from textFile
	// offline leaves the DSNs and their variables alone: who only prints the
	// DDL needs no password.
	offline bool
}

// load reads the configuration from file. Every error of it is a usageError.
func load(file string, o loadOptions) (*config, error) {
	text, err := o.from.read(file)
	if err != nil {
		return nil, err
	}
	d := &decoder{file: file, env: o.env}
	root, err := d.parse(text)
	if err != nil {
		return nil, err
	}
	c := &config{}
	l := &layout{decoder: d, cfg: c, offline: o.offline, lines: map[string]int{}, emulators: map[string]*pluginEmulator{}}
	if err := d.mapping(l.root())(root); err != nil {
		return nil, err
	}
	return c, l.complete()
}

// layout says which keys the file has, and where in cfg each belongs.
type layout struct {
	*decoder
	cfg     *config
	offline bool
	mode    string         // schedule.mode
	lines   map[string]int // where each source table is mapped
	uses    []pluginUse    // of plugins, which may stand behind those who ask them
	// emulators are the plugins' by their names: all tables of one have the same.
	emulators map[string]*pluginEmulator
}

func (l *layout) root() keys {
	return keys{
		"name":     l.text(&l.cfg.target.Pipeline),
		"source":   l.mapping(l.source()),
		"target":   l.mapping(l.target()),
		"queue":    l.mapping(l.queue()),
		"schedule": l.mapping(l.schedule()),
		"tables":   l.list(l.table),
		"plugins":  l.list(l.plugin),
	}
}

func (l *layout) source() keys {
	c := &l.cfg.source
	return keys{
		"dsn":            l.dsn(&c.DSN, postgresDSN),
		"slot":           l.text(&c.Slot),
		"publication":    l.text(&c.Publication),
		"heartbeat":      value(l.decoder, &c.Heartbeat, orOff("never", parseDuration)),
		"answer_timeout": value(l.decoder, &c.AnswerTimeout, parseDuration),
	}
}

func (l *layout) target() keys {
	c := &l.cfg.target
	return keys{
		"dsn":             l.dsn(&c.DSN, sqlserverDSN),
		"schema":          l.text(&c.Schema),
		"max_connections": l.count(&c.MaxConnections),
		"lock_timeout":    value(l.decoder, &c.LockTimeout, parseDuration),
		"answer_timeout":  value(l.decoder, &c.AnswerTimeout, parseDuration),
		"zone":            value(l.decoder, &c.Zone, parseZone),
		"ledger_key":      value(l.decoder, &c.LedgerKey, parseSecret),
		"keep_ledger":     value(l.decoder, &c.KeepLedger, orOff("forever", parseDuration)),
		"retry_locked":    value(l.decoder, &c.RetryLocked, orOff("never", parseDuration)),
	}
}

func (l *layout) queue() keys {
	c := &l.cfg.queue
	return keys{
		"dir":      l.text(&c.Dir),
		"limit":    value(l.decoder, &c.Limit, orOff("none", parseLimit)),
		"keep":     value(l.decoder, &c.KeepBytes, parseSize),
		"keep_for": value(l.decoder, &c.KeepFor, orOff("none", parseDuration)),
		"key":      value(l.decoder, &c.Key, parseSecret),
		"old_keys": l.list(l.oldKey),
		"url":      l.none,
	}
}

func (l *layout) oldKey(n ast.Node) error {
	var key []byte
	err := value(l.decoder, &key, parseSecret)(n)
	l.cfg.queue.OldKeys = append(l.cfg.queue.OldKeys, key)
	return err
}

func (l *layout) table(n ast.Node) error {
	var t sqlserver.Table
	var keyOnly bool
	err := l.mapping(keys{
		"source":        l.text(&t.Source),
		"target":        l.text(&t.Target),
		"key":           l.distinct(&t.Key),
		"exclude":       l.distinct(&t.Exclude),
		"columns":       l.columns(&t),
		"fixed":         l.byColumn(&t.Fixed),
		"truncate":      l.flag(&t.Truncate),
		"key_only":      l.flag(&keyOnly),
		"triggers":      value(l.decoder, &t.Triggers, parseTriggers),
		"emulator":      l.emulator(&t),
		"conflict":      l.conflict(&t),
		"park_failures": l.flag(&t.ParkFailures),
		"references":    l.references(&t),
		"remember":      l.flag(&t.Remember),
		"lock":          l.lock(&t),
		"secret":        l.distinct(&t.Secret),
		"return":        l.none,
	})(n)
	if err != nil {
		return err
	}
	if t.Source == "" || t.Target == "" {
		return l.wrong(n, "source and target are required: the two tables' names")
	}
	if t.Remember && !keyOnly {
		return l.wrong(n, "remember is for a table that is key_only; of another the source sends the whole old row")
	}
	t.Source = qualify(t.Source, "public", '"', '"')
	t.Target = qualify(t.Target, "dbo", '[', ']')
	if line, twice := l.lines[t.Source]; twice {
		return l.wrong(n, "%s is mapped already, at line %d", t.Source, line)
	}
	l.lines[t.Source] = n.GetToken().Position.Line
	l.cfg.target.Tables = append(l.cfg.target.Tables, t)
	l.cfg.source.Tables = append(l.cfg.source.Tables, t.Source)
	if keyOnly {
		l.cfg.source.KeyOnly = append(l.cfg.source.KeyOnly, t.Source)
	}
	return nil
}

func (l *layout) columns(t *sqlserver.Table) reader {
	return func(n ast.Node) error {
		t.Columns = map[string]sqlserver.Column{}
		return l.entries(n, func(name string, n ast.Node) error {
			var c sqlserver.Column
			err := l.mapping(keys{
				"to":            l.text(&c.To),
				"null_as":       value(l.decoder, &c.NullAs, func(s string) (*string, error) { return &s, nil }),
				"owner":         value(l.decoder, &c.OwnerTarget, parseOwner),
				"skip":          l.flag(&c.Skip),
				"round":         l.flag(&c.Lossy.Round),
				"truncate":      l.flag(&c.Lossy.Truncate),
				"transliterate": l.flag(&c.Lossy.Transliterate),
				"ambiguous":     l.flag(&c.Lossy.Ambiguous),
			})(n)
			if err == nil && c.Skip && c != (sqlserver.Column{Skip: true}) {
				err = l.wrong(n, "skip leaves the column out, and goes with no other key; take skip out, or the others")
			}
			t.Columns[name] = c
			return err
		})
	}
}

// distinct reads a list of columns, each of which is in it once.
func (l *layout) distinct(to *[]string) reader {
	return l.list(func(n ast.Node) error {
		var column string
		if err := l.text(&column)(n); err != nil {
			return err
		}
		if slices.ContainsFunc(*to, func(c string) bool { return strings.EqualFold(c, column) }) {
			return l.wrong(n, "the column stands before already; take it out")
		}
		*to = append(*to, column)
		return nil
	})
}

func parseOwner(s string) (bool, error) {
	if s != "target" && s != "source" {
		return false, errors.New("must be target, or source, which is the default")
	}
	return s == "target", nil
}

// complete puts in what the file left out, and says what it had to have.
func (l *layout) complete() error {
	c := l.cfg
	switch {
	case c.source.DSN == "" && !l.offline:
		return misuse("%s: source.dsn: required, a PostgreSQL URL", l.file)
	case c.target.DSN == "" && !l.offline:
		return misuse("%s: target.dsn: required, a SQL Server URL", l.file)
	case len(c.target.Tables) == 0:
		return misuse("%s: tables: required, at least one table", l.file)
	}
	if err := l.settleMode(); err != nil {
		return err
	}
	if err := l.settlePlugins(); err != nil {
		return err
	}
	if c.source.Slot == "" {
		c.source.Slot = "syncback"
	}
	if c.target.Pipeline == "" {
		c.target.Pipeline = c.source.Slot
	}
	if utf8.RuneCountInString(c.target.Pipeline) > 128 {
		return misuse("%s: name: is longer than 128 characters", l.file)
	}
	if c.queue.Dir == "" {
		c.queue.Dir = "queue"
	}
	// A path is relative to the file, so that every command that is given the
	// file means the same queue, wherever it is started.
	if !filepath.IsAbs(c.queue.Dir) {
		if isStream(l.file) && !l.offline {
			return misuse("%s: queue.dir: would be relative to the folder of the configuration, which has none; give queue.dir an absolute path", l.file)
		}
		c.queue.Dir = filepath.Join(filepath.Dir(l.file), c.queue.Dir)
	}
	if err := c.target.Validate(); err != nil {
		return misuse("%s: %v", l.file, err)
	}
	if l.offline {
		return nil
	}
	if _, err := postgres.New(c.source); err != nil {
		return misuse("%s: source: %v", l.file, err)
	}
	return nil
}
