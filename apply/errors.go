package apply

import (
	"errors"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// ErrClosed is what a run by hand (Config.Until) stops with in a blackout. It
// is wrapped with when the blackout ends.
var ErrClosed = errors.New("blackout")

// errGrace is the cause with which a transaction of the target is cancelled
// that outlived the grace period.
var errGrace = errors.New("the grace period is over")

// TxError says which transaction of the source the target refuses. Everything
// before it was applied; nothing of it was.
type TxError struct {
	Position capture.Position // where the source committed it
	ID       uint64           // the source's own number for it
	Err      error            // why it was refused
	Hint     string           // what to do, as one sentence
}

// Error names the transaction, the reason and what to do.
func (e *TxError) Error() string {
	return fmt.Sprintf("apply transaction %d at %s: %v. %s", e.ID, e.Position, e.Err, e.Hint)
}

// Unwrap returns Err.
func (e *TxError) Unwrap() error { return e.Err }

func newTxError(tx *capture.Tx, err error) *TxError {
	return &TxError{Position: tx.Position, ID: tx.ID, Err: err, Hint: hint(err)}
}

func hint(err error) string {
	var mismatch *MismatchError
	var value *ValueError
	switch {
	case errors.As(err, &mismatch) && mismatch.Matched == 0:
		return "The target's row is missing or was changed there; make it what the source had before this transaction, and run again."
	case errors.As(err, &mismatch):
		return "The key does not tell the target's rows apart; name columns that do, and run again."
	case errors.As(err, &value):
		return "Map the column to a type that holds the value or allow the loss by name, and run again."
	default:
		return "Nothing of it was written and everything before it was; put right what it names, and run again."
	}
}
