package sqlserver

import (
	"log/slog"
	"time"
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
	// MaxConnections bounds the connections to the target; 0 means 2.
	MaxConnections int
	// LockTimeout is how long a statement waits for a lock; 0 means 5s.
	LockTimeout time.Duration
	// Zone is the time zone of the target's wall clock, in which a source's
	// instants are written to columns that have no offset; nil means that such
	// a pair of columns is refused.
	Zone *time.Location
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
