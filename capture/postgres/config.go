// Package postgres captures what is committed in a PostgreSQL database, by
// logical replication through pgoutput.
package postgres

import (
	"log/slog"
	"time"
)

// Config says what to capture.
type Config struct {
	// DSN is where the database is: a postgres:// URL or keywords and values,
	// without the replication parameter.
	DSN string
	// Slot is the replication slot's name; "" means "syncback".
	Slot string
	// Publication is the publication's name; "" means "syncback".
	Publication string
	// Tables are the tables to capture, each as schema.name, unquoted, or with
	// either part in double quotes as SQL has it. A partitioned table stands
	// for its partitions.
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
	// Logger gets the few lines that the capturer writes; nil discards them.
	Logger *slog.Logger
}
