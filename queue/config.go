package queue

import (
	"cmp"
	"log/slog"
	"math"
	"os"
	"time"
)

// Config says where a [Disk] is and how much it may hold.
type Config struct {
	// Dir is the queue's folder, which belongs to it alone. It is made where
	// there is none, and readable by its owner alone.
	Dir string
	// Limit is the most that the queue's files may take, in bytes, LeastLimit or more;
	// 0 means 10 GiB, negative means no limit. A transaction is refused with
	// ErrFull when it would take them beyond it. Set it to hold what the source
	// commits in the longest time in which nothing is applied.
	Limit int64
	// KeepFor is how long what was applied is kept, for a target that is
	// restored to an earlier day; 0 means 72h, negative means not at all. It is
	// let go earlier when the queue would be full otherwise.
	KeepFor time.Duration
	// KeepBytes is how much of what was applied is kept, at most, in bytes; 0
	// means 1 GiB, negative means that there is no such limit.
	KeepBytes int64
	// Key seals what is in the files, with AES-256-GCM, by a key of each file's
	// own that is derived from it: a secret of 16 bytes or more, the same at
	// every start. nil leaves it in clear. What stays readable is what tells
	// transactions apart: positions, ids, commit times, sizes, origins, and which
	// source they are of. What was written in clear, before there was a key, goes
	// only with its file.
	Key []byte
	// OldKeys open what was sealed with a key that no longer seals, until it is
	// trimmed.
	OldKeys [][]byte
	// Logger gets the few lines that the queue writes; nil discards them.
	Logger *slog.Logger

	sizes
	wrap       func(*os.File) logFile // what is written through; tests make it fail
	background func(func())           // does it beside what else is done; a test that has to be the same each time does it first
}

// sizes are the queue's own; tests make them small.
type sizes struct {
	segmentSize int64 // when a new file is begun
	flushSize   int   // how much is gathered before it is written to the file
	pieceSize   int   // how much of a transaction's data goes into one frame
	aheadSize   int64 // how much is written before a sync is begun ahead
}

// The default sizes. A segment is small enough for what was applied to go in
// small steps, and large enough for a file's own cost not to show. A piece is
// what a reader holds of a transaction while it ranges. What is synced ahead is
// enough for a disk's own cost not to show.
const (
	segmentSize = 128 << 20
	flushSize   = 512 << 10
	pieceSize   = 256 << 10
	aheadSize   = 8 << 20

	leastSegment = LeastLimit / leastFiles
	leastFiles   = 4 // for which the limit has room; with fewer, it is reached before what was applied can go
)

// LeastLimit is the least limit that a queue can work with.
const LeastLimit = 4 << 20

func (c Config) withDefaults() Config {
	c.Limit = cmp.Or(c.Limit, 10<<30)
	if c.Limit < 0 {
		c.Limit = math.MaxInt64
	}
	c.KeepFor = max(cmp.Or(c.KeepFor, 72*time.Hour), 0)
	c.KeepBytes = cmp.Or(c.KeepBytes, 1<<30)
	if c.KeepBytes < 0 {
		c.KeepBytes = math.MaxInt64
	}
	c.flushSize = cmp.Or(c.flushSize, flushSize)
	c.pieceSize = cmp.Or(c.pieceSize, pieceSize)
	c.aheadSize = cmp.Or(c.aheadSize, aheadSize)
	if c.segmentSize == 0 {
		// A sixteenth of the limit, so that what was applied can be let go
		// long before the queue is full.
		c.segmentSize = min(segmentSize, max(c.Limit/16, leastSegment))
	}
	if c.wrap == nil {
		c.wrap = func(f *os.File) logFile { return f }
	}
	if c.background == nil {
		c.background = func(do func()) { go do() }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// segmentAge is when a new file is begun although the one before it is small:
// what was applied goes by the file, and should not stay because little comes.
func (c Config) segmentAge() time.Duration { return max(c.KeepFor/4, time.Hour) }
