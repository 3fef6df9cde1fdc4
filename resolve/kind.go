package resolve

// Kind says what does not fit. The first six are about the target's row, and
// are named as PostgreSQL 18 and Spock name theirs, where they have them; the
// others are what the target refuses. The zero Kind is invalid.
type Kind uint8

// The kinds.
const (
	// InsertExists: the target already has a row with the key, and it is
	// another one. So it is, too, for an update of the key where the target has
	// a row with the new key and none with the old one.
	InsertExists Kind = iota + 1
	// UpdateMissing: the target has no row with the old key, nor with the new
	// one.
	UpdateMissing
	// UpdateDiffers: what the change sets is not what it was in the source
	// before.
	UpdateDiffers
	// DeleteMissing: the target has no row with the key.
	DeleteMissing
	// DeleteDiffers: the row that is to be deleted is not as it was in the
	// source.
	DeleteDiffers
	// SeveralMatch: the target has several rows with the key.
	SeveralMatch

	Unique        // a unique value is held by another row
	ForeignKey    // a row that it refers to, or that refers to it, is in the way
	NotNull       // a column that must not be null would be
	TooLong       // a value is longer than its column
	OutOfRange    // a number or time is outside what its column holds, or finer
	NotEncodable  // a text has characters that the column's code page lacks, or no meaning in its type
	Check         // a check constraint is violated
	TriggerFailed // a trigger refused it

	// Locked: someone has the record open in the target's own application. Nothing
	// is written to it until they are done, whoever decides: there is no
	// TakeSource and no TakeRow. It comes before what the row holds, except where
	// nothing would be written anyway: what they have open may not be what they
	// leave, and a change that no longer fits then is a conflict of its own. It is
	// also that of a TRUNCATE, whose conflict has no rows.
	Locked
)

// kindNames are the names in ledgers and configuration.
var kindNames = [...]string{
	InsertExists: "insert_exists", UpdateMissing: "update_missing", UpdateDiffers: "update_differs",
	DeleteMissing: "delete_missing", DeleteDiffers: "delete_differs", SeveralMatch: "several_match",
	Unique: "unique", ForeignKey: "foreign_key", NotNull: "not_null", TooLong: "too_long",
	OutOfRange: "out_of_range", NotEncodable: "not_encodable", Check: "check",
	TriggerFailed: "trigger_failed", Locked: "locked",
}

// String returns the kind's name, such as "update_differs".
func (k Kind) String() string {
	if k == 0 || int(k) >= len(kindNames) {
		return "invalid"
	}
	return kindNames[k]
}

// ParseKind returns the kind of that name, and false where there is none.
func ParseKind(name string) (Kind, bool) {
	for k := InsertExists; int(k) < len(kindNames); k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// Refused reports whether the target refused the change: then writing it as it
// is cannot be the answer.
func (k Kind) Refused() bool { return k >= Unique && int(k) < len(kindNames) }
