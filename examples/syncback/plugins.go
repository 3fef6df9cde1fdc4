package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve/plugin"
)

// plugins are those that a command has started, in the file's order.
type plugins []*plugin.Plugin

// startPlugins starts the plugins of a configuration and gives their rules to the
// tables that ask them. They live until they are closed, also where ctx ends before: the
// open transaction of the target is still finished, and may ask them.
func (s *session) startPlugins(ctx context.Context, cfg *config) (started plugins, err error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	starting := context.AfterFunc(ctx, end)
	log := slog.New(slog.NewTextHandler(s.stderr, nil))
	for _, c := range cfg.plugins {
		p, err := c.start(life, log)
		if err != nil {
			end()
			return nil, errors.Join(cause(ctx, err), started.close())
		}
		started = append(started, p)
	}
	if !starting() {
		return nil, errors.Join(context.Cause(ctx), started.close())
	}
	return started, nil
}

// cause is why ctx ended, where it did, and err where not.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// start starts the plugin and gives its rules to the tables that ask it.
func (c *pluginConfig) start(ctx context.Context, log *slog.Logger) (*plugin.Plugin, error) {
	cfg := c.Config
	cfg.Logger = log
	p, err := plugin.Start(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, u := range c.uses {
		if err := u.bind(p); err != nil {
			return nil, errors.Join(&plugin.Error{Plugin: c.Name, Problem: err.Error()}, p.Close())
		}
	}
	return p, nil
}

// close ends the plugins, those that were started last first.
func (ps plugins) close() error {
	var errs []error
	for _, p := range slices.Backward(ps) {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// checkPlugins starts each of the plugins for a moment, to see whether it can be
// used.
func (s *session) checkPlugins(ctx context.Context) (found []capture.Finding, err error) {
	for _, c := range s.cfg.plugins {
		p, err := c.start(ctx, nil)
		if err == nil {
			err = p.Close()
		}
		wrong := (*plugin.Error)(nil)
		switch {
		case ctx.Err() != nil:
			return found, context.Cause(ctx)
		case errors.As(err, &wrong):
			found = append(found, capture.Finding{Level: capture.Blocks, Object: "plugin " + c.Name, Problem: wrong.Problem})
		case err != nil:
			return found, err
		}
	}
	return found, nil
}
