package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"
)

// Config says what to capture.
type Config struct {
	// DSN is where the database is: a postgres:// URL or keywords and values,
	// without the replication parameter. It must lead to the server itself: a
	// pooler does not pass replication on.
	DSN string
	// Slot is the replication slot's name; "" means "syncback".
	Slot string
	// Publication is the publication's name; "" means "syncback".
	Publication string
	// Tables are the tables to capture, each as schema.name, unquoted, or with
	// either part in double quotes as SQL has it. Names are taken as they are
	// written, capitals and all. A partitioned table stands for its partitions.
	Tables []string
	// KeyOnly are those of Tables that may have a replica identity that is not
	// full. What changed in them is unknown to the source; see the package page.
	KeyOnly []string
	// Heartbeat is how often an idle database is given a logical message, so
	// that its slot can move on; 0 means 1m, negative means never.
	Heartbeat time.Duration
	// SyncEvery is the longest that a captured transaction waits, while more
	// come in, before the sink is told to make it durable; 0 means 10ms. A
	// stream that pauses is synced at once.
	SyncEvery time.Duration
	// AnswerTimeout is how long the source may say nothing although it was asked,
	// before its connection is given up as lost. 0 means 1m, or the source's
	// wal_sender_timeout for the stream, where that is longer. Only the making of
	// a slot may take longer: it waits for the transactions that are open.
	AnswerTimeout time.Duration
	// Logger gets the few lines that the capturer writes; nil discards them.
	Logger *slog.Logger
}

// slotName is what PostgreSQL allows (manual: Replication Slots).
var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

// complete returns cfg with its defaults filled in, or what is wrong with it.
func (cfg Config) complete() (Config, error) {
	cfg.Slot = cmp.Or(cfg.Slot, "syncback")
	cfg.Publication = cmp.Or(cfg.Publication, "syncback")
	cfg.Heartbeat = cmp.Or(cfg.Heartbeat, time.Minute)
	cfg.SyncEvery = cmp.Or(cfg.SyncEvery, 10*time.Millisecond)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	switch {
	case !slotName.MatchString(cfg.Slot):
		return cfg, fmt.Errorf("%q is no name for a replication slot: it has 1 to 63 characters of a-z, 0-9 and _", cfg.Slot)
	case len(cfg.Publication) > 63:
		return cfg, fmt.Errorf("publication %q: the name is longer than 63 bytes; shorten it", cfg.Publication)
	case len(cfg.Tables) == 0:
		return cfg, errors.New("no tables are named")
	case cfg.SyncEvery < 0:
		return cfg, errors.New("SyncEvery is negative")
	case cfg.AnswerTimeout < 0:
		return cfg, errors.New("AnswerTimeout is negative")
	}
	return cfg, nil
}
