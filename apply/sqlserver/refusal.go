package sqlserver

import (
	"errors"
	"maps"
	"regexp"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// refusals is what earlier attempts at a batch have found out. The first refused
// statement dooms a transaction of the target; so the next attempt sends the
// statements singly, to know which change it was, and the one after that asks the
// rule about it before it is sent. A transaction of the source that is to be
// parked is written until that is known; the next attempt parks it.
type refusals struct {
	known  map[changeID]*refused
	park   map[capture.Position]*parkError
	waits  map[capture.Position]touches // what Emulators would touch
	singly bool                         // whether statements go one a round trip
	races  map[changeID]int             // how often a row was not as it had been read

	collisions int // how often an Emulator was overtaken by another session
	trials     map[changeID]*trial
	missing    []proof // what calls about several changes lacked
}

// changeID is a change of the source.
type changeID struct {
	position capture.Position
	index    int64
}

func (c *change) id() changeID { return changeID{c.position, c.index} }

// of returns the refusal of a change, nil where there was none.
func (r *refusals) of(c *change) *refused { return r.known[c.id()] }

// learn takes in the error of an attempt, and reports whether another attempt
// knows more than this one did.
func (r *refusals) learn(err error) bool {
	if p, ok := errors.AsType[*parkError](err); ok {
		if r.park == nil {
			r.park = make(map[capture.Position]*parkError)
		}
		r.park[p.conflict.Position] = p
		r.singly = false
		return true
	}
	if wait, ok := errors.AsType[*waitError](err); ok {
		if r.waits == nil {
			r.waits = make(map[capture.Position]touches)
		}
		if maps.Equal(r.waits[wait.position], wait.touches) {
			return false // it was parked again since, by another process
		}
		r.waits[wait.position] = wait.touches
		r.singly = false
		return true
	}
	if emulation, ok := errors.AsType[*emulationError](err); ok {
		return r.learnEmulation(emulation)
	}
	if trial, ok := errors.AsType[*trialError](err); ok {
		return r.learnTrial(trial)
	}
	if raced, ok := errors.AsType[*racedError](err); ok {
		return r.learnRace(raced)
	}
	e, ok := errors.AsType[*ServerError](err)
	if !ok || e.retryable || e.kind() == 0 {
		return false
	}
	switch c := e.change; {
	case c != nil && (c.mapping.config.Conflict == nil || r.known[c.id()] != nil):
		return false // no one is there to ask, or has no better answer
	case c == nil || !e.certain:
		if r.singly {
			return false
		}
		r.singly = true
		return true
	}
	r.know(e.change.id(), &refused{e.kind(), e.differs(e.change), e.Constraint, e})
	return true
}

// know notes why the target does not take a change.
func (r *refusals) know(id changeID, why *refused) {
	if r.known == nil {
		r.known = make(map[changeID]*refused)
	}
	r.known[id] = why
	r.singly = false
}

// learnRace takes in that a row was not as it had just been read. Once that is
// nobody's doing any more, the rule is asked.
func (r *refusals) learnRace(e *racedError) bool {
	c := e.change
	switch {
	case !e.last:
		if r.races == nil {
			r.races = make(map[changeID]int)
		}
		r.races[c.id()]++
	case c.mapping.config.Conflict == nil || r.known[c.id()] != nil:
		return false // no one is there to ask, or has no better answer
	default:
		r.know(c.id(), &refused{kind: resolve.Unique, cause: e})
	}
	return true
}

// refused is why the target does not take a change.
type refused struct {
	kind       resolve.Kind
	differs    []int // the columns that it is about, as far as that is known
	constraint string
	cause      error
}

// refused asks the table's rule about a change that the target does not take.
// One that also finds another row than it should is a conflict of that kind.
func (w *writing) refused(c *change, r *refused) error {
	if err := w.flush(); err != nil {
		return err
	}
	e, err := w.look(c)
	if err != nil {
		return err
	}
	found, columns := e.kind()
	if locked, err := w.isLocked(e, found); err != nil {
		return err
	} else if locked {
		return w.decide(e, e.locked(), nil)
	}
	if found != 0 {
		return w.decide(e, e.conflict(found, columns), w.mismatch(e))
	}
	conflict := e.conflict(r.kind, r.differs)
	conflict.Constraint = r.constraint
	return w.decide(e, conflict, r.cause)
}

// kind says which kind of conflict an error of the server is; 0 is none.
func (e *ServerError) kind() resolve.Kind {
	switch {
	case e.retryable:
		return 0
	case e.procedure, e.Number >= 50000, e.Number == 3609, e.Number == 3616:
		return resolve.TriggerFailed
	}
	switch e.Number {
	case 2601, 2627:
		return resolve.Unique
	case 547:
		if e.ofForeignKey() {
			return resolve.ForeignKey
		}
		return resolve.Check
	case 515:
		return resolve.NotNull
	case 2628, 8152:
		return resolve.TooLong
	case 220, 242, 244, 248, 8115:
		return resolve.OutOfRange
	case 241, 245, 8114:
		return resolve.NotEncodable
	default:
		return 0
	}
}

// ofForeignKey reports whether the constraint that message 547 is about is a
// foreign key. SQL Server says which kind it is before it quotes the name, in
// capitals whatever the login's language is; a server that is not SQL Server has
// words of its own.
func (e *ServerError) ofForeignKey() bool {
	kind, _, _ := strings.Cut(e.text, `"`)
	return strings.Contains(kind, "FOREIGN KEY") || strings.Contains(kind, "REFERENCE") || strings.Contains(e.text, "foreign key constraint")
}

// columnName is the column that SQL Server's message 515 names.
var columnName = regexp.MustCompile(`column ['"]([^'"]+)['"]`)

// differs are the columns of a change that an error of the server is about, as
// far as it says.
func (e *ServerError) differs(c *change) []int {
	if e.Number != 515 {
		return nil
	}
	m := columnName.FindStringSubmatch(e.text)
	if m == nil {
		return nil
	}
	if to := c.target.column(m[1]); to != nil {
		if i := c.indexOf(to); i >= 0 {
			return []int{i}
		}
	}
	return nil
}
