package capture

// Value is one column of one row: absent, null, or the source's text form. The
// zero Value is absent.
//
// Absent means that the source did not say: an unchanged TOAST column, or a
// column outside the key in a key-only old image. An absent value is never
// written, and never compared.
type Value struct {
	state valueState
	text  string
}

type valueState uint8

const (
	absent valueState = iota
	null
	present
)

// Null returns the SQL NULL.
func Null() Value { return Value{state: null} }

// Text returns a value that is present, in the source's text form.
func Text(s string) Value { return Value{state: present, text: s} }

// IsAbsent reports whether the source said nothing of this column.
func (v Value) IsAbsent() bool { return v.state == absent }

// IsNull reports whether the value is the SQL NULL.
func (v Value) IsNull() bool { return v.state == null }

// Text returns the source's text form, and whether there is one: it is false
// for absent and for null.
func (v Value) Text() (string, bool) { return v.text, v.state == present }

// String says what kind of value v is, and never what it holds: values are
// personal data, and String is what a log line would print.
func (v Value) String() string {
	switch v.state {
	case null:
		return "null"
	case present:
		return "present"
	default:
		return "absent"
	}
}

// GoString is String, so that %#v tells no more than %v.
func (v Value) GoString() string { return v.String() }

// Row is an image of a row: Row[i] is the value of Table.Columns[i]. A nil Row
// is no image at all.
type Row []Value
