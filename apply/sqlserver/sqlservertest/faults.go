package sqlservertest

import (
	"strings"
	"sync/atomic"
	"time"
)

// Point is when a fault happens.
type Point uint8

const (
	// BeforeStatement is before a statement has done anything.
	BeforeStatement Point = iota
	// AfterStatement is when a statement has done its work, and before its
	// answer.
	AfterStatement
	// BeforeCommit is before the COMMIT of an explicit transaction.
	BeforeCommit
	// AfterCommit is when an explicit transaction is committed, and before its
	// answer: the client does not know.
	AfterCommit
)

// Fault is something that goes wrong. The zero fault does nothing, once, before
// the first statement.
type Fault struct {
	// At is when it happens.
	At Point
	// Match chooses the statements by their text as the batch has it; nil
	// means those that contain Text. A COMMIT's text is "COMMIT".
	Match func(sql string) bool
	Text  string // "" is in every statement
	// Skip is how many statements that match are left alone first.
	Skip int
	// Times is how often it happens; 0 means once, negative always.
	Times int

	// Delay is how long it takes; a cancelled request ends it.
	Delay time.Duration
	// Drop cuts the connection, without a word to the client; an open
	// transaction is rolled back.
	Drop bool
	// Error is the number of an error that the statement then fails with. 1205
	// rolls the transaction back, as it does on SQL Server.
	Error int32
	// Message is the error's; "" means SQL Server's for 1205, 1222 and 9002,
	// and otherwise one that says it was injected.
	Message string
}

// Injected is a fault that was given to a server.
type Injected struct {
	fault Fault
	seen  int
	fired atomic.Int64
}

// Fired is how often the fault has happened.
func (i *Injected) Fired() int { return int(i.fired.Load()) }

// SetAway has logins not find the database, or find it again: what SQL Server
// answers while it recovers a database is what it answers where there is none.
func (s *Server) SetAway(away bool) { s.away.Store(away) }

// Inject adds a fault. Of several that match, each counts the statement, and the
// first one that is due happens.
func (s *Server) Inject(f Fault) *Injected {
	i := &Injected{fault: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, i)
	s.armed.Store(true)
	return i
}

// ClearFaults takes every fault back.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	s.armed.Store(false)
}

// fault is the one that is due; nil for none.
func (s *Server) fault(at Point, sql string) *Fault {
	if !s.armed.Load() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.faults {
		f := &i.fault
		if f.At != at || f.Match == nil && !strings.Contains(sql, f.Text) || f.Match != nil && !f.Match(sql) {
			continue
		}
		i.seen++
		if i.seen <= f.Skip || f.Times >= 0 && i.Fired() >= max(1, f.Times) {
			continue
		}
		i.fired.Add(1)
		return f
	}
	return nil
}

func faultError(f *Fault) *sqlError {
	var e *sqlError
	switch f.Error {
	case 1205:
		e = errVictim(0)
	case 1222:
		e = errLockTimeout()
	case 9002:
		e = errf(9002, 17, "The transaction log for database is full due to 'LOG_BACKUP'.")
	default:
		e = errf(f.Error, 16, "An injected error.")
	}
	if f.Message != "" {
		e.msg = f.Message
	}
	return e
}
