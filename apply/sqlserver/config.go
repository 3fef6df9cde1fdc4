package sqlserver

import (
	"log/slog"
	"time"

	"github.com/syncback/syncback/resolve"
)

// Config says what to apply, and how.
type Config struct {
	// DSN is where the database is, as github.com/microsoft/go-mssqldb reads
	// it: sqlserver://user:password@host:port?database=name.
	DSN string
	// Pipeline names this pipeline in the target, where several may share the
	// tables of Schema.
	Pipeline string
	// Schema is where our own tables are; "" means "syncback".
	Schema string
	// Tables are the tables that are applied. A change of any other table is
	// refused.
	Tables []Table
	// MaxConnections bounds the connections to the target; 0 means 2. With 1 what
	// asks about a pipeline waits while it applies.
	MaxConnections int
	// LockTimeout is how long a statement waits for a lock; 0 means 5s.
	LockTimeout time.Duration
	// AnswerTimeout is how long the target may say nothing while it is waited
	// for, before the connection is given up as lost; 0 means the DSN's
	// connection timeout, or 5m without one. A statement that was cut off by it
	// gets twice as long each time that it is tried again.
	AnswerTimeout time.Duration
	// Zone is the time zone of the target's wall clock, in which a source's
	// instants are written to columns that have no offset; nil means that such
	// a pair of columns is refused.
	Zone *time.Location
	// LedgerKey is the key of the hashes that stand for secret columns in the
	// ledger: 16 bytes or more, the same from run to run. It is needed where a
	// table has any. Parked changes are sealed with it (AES-256-GCM), whole, and
	// what they touch is named by hashes that are keyed with it; while any is
	// parked the key cannot be changed.
	LedgerKey []byte
	// KeepLedger is how long a conflict stays in the ledger, a minute at least; 0
	// means 400 days, negative means for ever. One that waits for a decision stays.
	KeepLedger time.Duration
	// RetryLocked is how often, at most, what was parked because someone had its
	// record open is looked at again, and written where the record is free; 0 means
	// 1m, negative means never.
	RetryLocked time.Duration
	// Logger gets the few lines that the applier writes; nil discards them.
	Logger *slog.Logger
}

// Table maps one table of the source to one of the target. Columns of the same
// name (compared without regard to case) are mapped to each other where Columns
// does not say otherwise.
type Table struct {
	Source string // schema.name, unquoted or with either part in double quotes
	Target string // schema.name, unquoted or with either part in brackets
	// Key names the target columns by which a row is found; nil means those
	// that the source's key maps to. With neither, a row is found by its whole
	// old image.
	Key []string
	// Exclude names the target columns that are left alone.
	Exclude []string
	// Columns says what to do with a source column, by its name.
	Columns map[string]Column
	// Fixed gives target columns that the source lacks a value on insert, as
	// the text of a T-SQL literal without its quotes.
	Fixed map[string]string
	// Truncate allows a TRUNCATE in the source to delete every row of the
	// target's table. Without it a TRUNCATE stops the pipeline.
	Truncate bool
	// Conflict decides what becomes of a change that does not fit; nil stops the
	// pipeline there.
	Conflict resolve.Resolver
	// Rule names Conflict in the ledger and in errors; "" means "conflict".
	Rule string
	// ParkFailures parks a conflict about which the rule failed for good: it
	// panicked, or its answer made no sense. Without it the pipeline stops.
	ParkFailures bool
	// Triggers says whether the target's triggers fire on what is written here,
	// are told to stay silent, or are emulated; the zero value is FireTriggers.
	Triggers Triggers
	// Emulator does what the triggers would have done; it is set for
	// EmulateTriggers alone. It is asked in the open transaction, about all that a
	// transaction of the source has changed in the tables that have this Emulator,
	// or about each 500 of many changes. What it returns is written in the same
	// transaction, and is not emulated again. Where it fails for good, Conflict
	// decides about the change (resolve.TriggerFailed).
	Emulator resolve.Emulator
	// Remember is for a table whose source sends no old row (replica identity
	// default): what each row was in the target behind our last write of it is
	// remembered there, so that the next change of the row tells whether someone
	// else has changed it. See the package's page.
	Remember bool
	// Lock says how the target's own application marks a record that someone has
	// open; nil is not at all.
	Lock *RecordLock
	// References are the tables to whose rows this one's refer, beside the
	// target's declared foreign keys: a change of a row is held back behind a
	// parked change of the row that it refers to.
	References []Reference
	// Secret names the target columns whose values the ledger holds as keyed
	// hashes alone.
	Secret []string
}

// Reference says that columns of a table hold the key of a row of another.
type Reference struct {
	Columns []string // target columns of this table
	Target  string   // the other table, among the mapped ones: schema.name
	To      []string // its target columns, in the same order; nil means the Key of its Table
}

// Column says what to do with one source column.
type Column struct {
	// To is the target column's name; "" means the source's.
	To string
	// NullAs is what the target holds where the source is null, as the text of
	// a T-SQL literal without its quotes; nil means NULL.
	NullAs *string
	// OwnerTarget says that the target's value is the one that counts: the
	// column is never written.
	OwnerTarget bool
	// Skip says that the target has no such column, on purpose.
	Skip bool
	// Lossy are the changes of a value that are allowed where the target cannot
	// hold it as it is.
	Lossy Lossy
}

// Lossy names what may be done to a value that does not fit as it is. The zero
// Lossy allows nothing.
type Lossy struct {
	Round         bool // numbers and times to the target's scale or precision
	Truncate      bool // text and binary to the target's length
	Transliterate bool // letters to their nearest in the target's code page
	// Ambiguous allows an instant in the hour that the target's clock has twice
	// when summer time ends.
	Ambiguous bool
}
