package capture

import (
	"iter"
	"time"
)

// Tx is one transaction that was committed in a source.
type Tx struct {
	// Source is where it was committed. Empty means that the Sink knows it from
	// the last Mark.
	Source Source
	// Position is where it was committed: unique in its Source, and ascending
	// from each Tx to the next.
	Position Position
	// ID is the source's own number for the transaction; for PostgreSQL its xid.
	ID uint64
	// CommitTime is when the source committed it, by the source's clock, in
	// microseconds.
	CommitTime time.Time
	// Origin names who made the changes, where the source says so: for
	// PostgreSQL the replication origin. Empty is the source's own users.
	Origin string
	// Changes yields the changes in the order in which they were made. An error
	// ends the sequence, and means that the transaction is not whole: nothing
	// of it may be used. A Tx from a Capturer can be ranged over once; a Tx
	// from a queue can be ranged over again. The rows that are yielded belong
	// to the consumer.
	Changes iter.Seq2[Change, error]
	// Count and Bytes are the number of changes and their approximate size in
	// memory. A Tx from a queue has them; in a Tx from a Capturer they are 0.
	Count, Bytes int64
}

// Change is one change of one row or table, or one logical message.
type Change struct {
	Op Op
	// Table is nil for a Message.
	Table *Table
	// Before is the old image, as much of it as the source sends: whole with a
	// full replica identity, the key where it changed otherwise, nil for an
	// insert.
	Before Row
	// After is the new image, nil for a delete.
	After Row
	// Message is set for the Op Message alone.
	Message *LogicalMessage
}

// Op says what a Change did. The zero Op is invalid.
type Op uint8

// The operations. A TRUNCATE of several tables is one Change a table, one after
// the other in the order in which the source names them.
const (
	Insert Op = iota + 1
	Update
	Delete
	Truncate
	Message
)

// String returns the operation in lower case.
func (o Op) String() string {
	switch o {
	case Insert:
		return "insert"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Truncate:
		return "truncate"
	case Message:
		return "message"
	default:
		return "invalid"
	}
}

// LogicalMessage is a message that a transaction wrote into the source's log
// (PostgreSQL: pg_logical_emit_message, transactional). It can carry an intent
// that is no change of a row.
type LogicalMessage struct {
	Prefix  string
	Content []byte
}
