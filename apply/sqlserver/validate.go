package sqlserver

import (
	"errors"
	"fmt"
	"time"
)

// Validate returns what is wrong with cfg by itself, whatever the two servers
// hold: names that cannot be read, tables that are mapped twice, limits that
// SQL Server does not know. It does not look at the DSN.
func (cfg Config) Validate() error {
	cfg, err := withDefaults(cfg)
	if err != nil {
		return err
	}
	const mostWait = 24 * 24 * time.Hour // in milliseconds it is an int
	switch {
	case cut(cfg.Schema, 128) != cfg.Schema:
		return errors.New("the name of the schema for our own tables is longer than 128 characters; shorten it")
	case cfg.LockTimeout < time.Millisecond || cfg.LockTimeout > mostWait:
		return errors.New("the lock timeout is not between 1ms and 576h; choose one that is")
	}
	sources, targets := map[name]bool{}, map[name]name{}
	for _, t := range cfg.Tables {
		source, err := parseSource(t.Source)
		if err != nil {
			return err
		}
		target, err := parseTarget(t.Target)
		if err != nil {
			return err
		}
		if sources[source] {
			return mappedTwice(source)
		}
		if other, ok := targets[target.fold()]; ok {
			return takenTwice(target, other, source)
		}
		sources[source], targets[target.fold()] = true, source
	}
	return nil
}

func mappedTwice(source name) error {
	return fmt.Errorf("source table %s is mapped twice; keep one", source)
}

func takenTwice(target, one, other name) error {
	return fmt.Errorf("target table %s is mapped from both %s and %s; keep one", target, one, other)
}
