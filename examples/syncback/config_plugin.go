package main

import (
	"encoding/hex"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

// pluginConfig is a plugin of the file, and who asks it.
type pluginConfig struct {
	plugin.Config
	at   ast.Node
	uses []pluginUse
}

// pluginUse is one place of the file where a plugin is asked.
type pluginUse struct {
	name string // the plugin's
	at   ast.Node
	// bind gives the table what it asks of the plugin, once that is started. It
	// says what the plugin lacks: the end of a sentence that begins with its name.
	bind func(*plugin.Plugin) error
}

// plugin reads one of the file's plugins.
func (l *layout) plugin(n ast.Node) error {
	p := &pluginConfig{at: n}
	c := &p.Config
	err := l.mapping(keys{
		"name":          l.text(&c.Name),
		"path":          l.text(&c.Path),
		"sha256":        value(l.decoder, &c.SHA256, parseSHA256),
		"config":        l.settings(&c.Config),
		"start_timeout": value(l.decoder, &c.StartTimeout, parseDuration),
		"call_timeout":  value(l.decoder, &c.CallTimeout, parseDuration),
	})(n)
	if err != nil {
		return err
	}
	if c.Name == "" || c.Path == "" {
		return l.wrong(n, "name and path are required: what tables call the plugin, and where its program is")
	}
	if other := l.cfg.plugin(c.Name); other != nil {
		return l.wrong(n, "%s is the name of a plugin already, at line %d", c.Name, other.at.GetToken().Position.Line)
	}
	if !filepath.IsAbs(c.Path) {
		if isStream(l.file) && !l.offline {
			return l.wrong(n, "path would be relative to the folder of the configuration, which has none; give path an absolute path")
		}
		c.Path = filepath.Join(filepath.Dir(l.file), c.Path)
	}
	l.cfg.plugins = append(l.cfg.plugins, p)
	return nil
}

// plugin returns the plugin of that name, nil where there is none.
func (c *config) plugin(name string) *pluginConfig {
	i := slices.IndexFunc(c.plugins, func(p *pluginConfig) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return c.plugins[i]
}

// shortSecret is how long a variable has to be that is kept back: a shorter one,
// such as a number, is in other words too.
const shortSecret = 6

// settings reads what a plugin is configured with. The environment's variables in
// it may be secrets, which a plugin that refuses them may quote.
func (l *layout) settings(to *map[string]string) reader {
	noting := *l.decoder
	noting.env = func(name string) (string, bool) {
		v, ok := l.env(name)
		if len(v) >= shortSecret {
			l.cfg.given = append(l.cfg.given, v)
		}
		return v, ok
	}
	return func(n ast.Node) error {
		*to = map[string]string{}
		return l.entries(n, func(key string, n ast.Node) (err error) {
			(*to)[key], err = noting.scalar(n)
			return err
		})
	}
}

func parseSHA256(s string) (string, error) {
	if sum, err := hex.DecodeString(s); err != nil || len(sum) != 32 {
		return "", errors.New("must be the SHA-256 of the plugin's file, 64 hexadecimal digits, as sha256sum prints it")
	}
	return s, nil
}

// pluginRule is a Resolver of a plugin, from when that is started.
type pluginRule struct{ resolve.Resolver }

// asks leaves a table's conflicts to the plugin of that name.
func (l *layout) asks(name string, t *sqlserver.Table, at ast.Node) resolve.Resolver {
	rule := &pluginRule{}
	l.uses = append(l.uses, pluginUse{name, at, func(p *plugin.Plugin) error {
		if p.Resolver == nil {
			return errors.New("decides no conflicts, and those of " + t.Target + " are left to it; give that table another policy")
		}
		rule.Resolver = p.Resolver
		return nil
	}})
	return rule
}

// settlePlugins gives each plugin those who ask it, and refuses a name that no
// plugin has and a plugin that nobody asks.
func (l *layout) settlePlugins() error {
	for _, u := range l.uses {
		p := l.cfg.plugin(u.name)
		if p == nil {
			return l.wrong(u.at, "there is no plugin %q; %s", u.name, l.pluginNames())
		}
		p.uses = append(p.uses, u)
	}
	for _, p := range l.cfg.plugins {
		if len(p.uses) == 0 {
			return l.wrong(p.at, "no table asks the plugin %s; name it in a table's conflict or emulator, or take it out", p.Name)
		}
	}
	return nil
}

// pluginNames says which plugins there are.
func (l *layout) pluginNames() string {
	names := map[string]bool{}
	for _, p := range l.cfg.plugins {
		names[p.Name] = true
	}
	if len(names) == 0 {
		return "the file has no plugins"
	}
	return "plugins has " + strings.Join(slices.Sorted(maps.Keys(names)), ", ")
}
