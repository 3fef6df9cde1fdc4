package main

import (
	"errors"

	"github.com/goccy/go-yaml/ast"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

func parseTriggers(s string) (sqlserver.Triggers, error) {
	t, ok := sqlserver.ParseTriggers(s)
	if !ok {
		return 0, errors.New("must be fire, which is the default, suppress or emulate")
	}
	return t, nil
}

// pluginEmulator is the Emulator of a plugin, from when that is started.
type pluginEmulator struct{ resolve.Emulator }

// emulator reads which plugin does what the table's triggers would have done.
func (l *layout) emulator(t *sqlserver.Table) reader {
	return func(n ast.Node) error {
		var name string
		if err := l.text(&name)(n); err != nil {
			return err
		}
		e := l.emulators[name]
		if e == nil {
			e = &pluginEmulator{}
			l.emulators[name] = e
		}
		l.uses = append(l.uses, pluginUse{name, n, func(p *plugin.Plugin) error {
			if p.Emulator == nil {
				return errors.New("emulates no triggers, and those of " + t.Target + " are left to it; choose suppress for that table, or let them fire")
			}
			e.Emulator = p.Emulator
			return nil
		}})
		t.Emulator = e
		return nil
	}
}
