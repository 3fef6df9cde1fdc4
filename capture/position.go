package capture

import (
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in a source's order of commits. For PostgreSQL it is the
// LSN of a commit record; for SQL Server it is the outbox's sequence. The zero
// Position precedes everything.
type Position uint64

// String returns p the way PostgreSQL prints an LSN, as two hexadecimal halves
// with a slash between them: "16/B374D848".
func (p Position) String() string {
	return fmt.Sprintf("%X/%X", uint32(p>>32), uint32(p))
}

// ParsePosition reads the form that [Position.String] writes: one to eight
// hexadecimal digits, a slash, one to eight hexadecimal digits, and nothing
// else.
func ParsePosition(s string) (Position, error) {
	high, low, ok := strings.Cut(s, "/")
	if !ok || !isHex32(high) || !isHex32(low) {
		return 0, fmt.Errorf("%.40q is not a position; one looks like 16/B374D848", s)
	}
	h, _ := strconv.ParseUint(high, 16, 32)
	l, _ := strconv.ParseUint(low, 16, 32)
	return Position(h<<32 | l), nil
}

func isHex32(s string) bool {
	if len(s) < 1 || len(s) > 8 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// Source is the identity of what a pipeline captures from, as a Capturer spells
// it; for PostgreSQL the system identifier, the database and the slot. Two
// sources with the same DSN and different Sources are different sources: their
// positions cannot be compared.
type Source string

// Mark says how far a source was taken in.
type Mark struct {
	// Source is empty until a Capturer has told the Sink where its changes
	// come from.
	Source Source
	// Timeline is the source's timeline, which a failover or a restore raises;
	// 0 where the source has none.
	Timeline uint32
	// Position is a watermark: everything that was committed before it has been
	// taken in. It need not be the position of a transaction.
	Position Position
}
