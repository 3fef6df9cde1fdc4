package sqlservertest

import (
	"fmt"
)

// sqlError is one of SQL Server's errors, or, up to class 10, a message.
type sqlError struct {
	number int32
	class  uint8
	state  uint8
	msg    string
	proc   string
	line   int

	raised  bool // by RAISERROR, which ends nothing
	thrown  bool // by THROW, which ends the batch
	trigger bool // within a trigger: the whole transaction ends
}

func (e *sqlError) Error() string { return fmt.Sprintf("Msg %d: %s", e.number, e.msg) }

func errf(number int32, class uint8, format string, args ...any) *sqlError {
	return &sqlError{number: number, class: class, state: 1, msg: fmt.Sprintf(format, args...)}
}

// numberUnknown is what SQL Server says of what a version of it does not support.
const numberUnknown = 40517

// errUnknown is about what the stand-in does not do.
func errUnknown(what string) *sqlError {
	return errf(numberUnknown, 16, "The stand-in does not know: %s.", what)
}

// scope is what an error ends.
type errScope uint8

const (
	endsStatement   errScope = iota
	endsBatch                // and leaves the transaction as it is
	endsTransaction          // and the batch
)

// scope is what an error of this number ends outside of TRY, when XACT_ABORT is
// off. With it on, each of class 11 and more but RAISERROR's ends the
// transaction.
func (e *sqlError) scope() errScope {
	switch {
	case e.trigger:
		return endsTransaction
	case e.thrown:
		return endsBatch
	}
	switch e.number {
	case 1205, 3960, // victims
		3609, 3930, // a transaction that is lost already
		241, 242, 244, 245, 248, 8114, 8169, 9803: // conversions
		return endsTransaction
	case 208, 207, 102, 105, 137, 134, 4104, 8155, 3726, 111, numberUnknown, 8003, 8144:
		return endsBatch
	}
	return endsStatement
}

func errSyntax(near string) *sqlError {
	if near == "" {
		return errf(102, 15, "Incorrect syntax near the end of the batch.")
	}
	return errf(102, 15, "Incorrect syntax near '%s'.", near)
}

func errObject(name string) *sqlError { return errf(208, 16, "Invalid object name '%s'.", name) }
func errColumn(name string) *sqlError { return errf(207, 16, "Invalid column name '%s'.", name) }
