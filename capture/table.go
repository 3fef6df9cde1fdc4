package capture

// Table is the shape of a source table as of the changes that point to it. A
// schema change makes a new *Table, so that a change is always read with the
// columns that it was written with. A Table is not modified once a Change
// points to it.
type Table struct {
	Schema, Name string
	Identity     Identity
	Columns      []Column
}

// String returns schema and name with a dot between them, unquoted.
func (t *Table) String() string { return t.Schema + "." + t.Name }

// Column is one column of a Table.
type Column struct {
	Name string
	// OID is the type's number in the source's catalogue; 0 where the source
	// numbers no types.
	OID uint32
	// Base is the name of the built-in type in whose text form the values are,
	// as the source's catalogue spells it: "int4", "bpchar", "timestamptz". A
	// domain has that of the type below it; an enum has "enum"; an array has
	// its element's with "[]" behind it; every other type that is not built in
	// has its own name.
	Base string
	// Modifier is the type modifier, a domain's resolved like its Base: length
	// or precision as the source's catalogue encodes it; -1 is none.
	Modifier int32
	// Key reports whether the column is part of the key by which the source
	// tells its rows apart: the replica identity's columns, or the primary
	// key's where the identity is full.
	Key bool
}

// Identity is what the source sends of a row's old image.
type Identity uint8

// The replica identities of PostgreSQL (manual: ALTER TABLE, REPLICA IDENTITY).
const (
	IdentityNothing Identity = iota // no old image
	IdentityDefault                 // the primary key, where it changed
	IdentityIndex                   // the columns of a unique index, where they changed
	IdentityFull                    // the whole old row
)

// String returns the identity's name in PostgreSQL.
func (i Identity) String() string {
	switch i {
	case IdentityDefault:
		return "default"
	case IdentityIndex:
		return "index"
	case IdentityFull:
		return "full"
	default:
		return "nothing"
	}
}
