package sqlserver

import (
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// codecOptions are what a column is told beyond its two types.
type codecOptions struct {
	lossy Lossy
	zone  *time.Location // the target's wall clock; nil refuses what needs one
	// nullAs is what a null becomes, as the text of a T-SQL literal without its
	// quotes; nil leaves it NULL.
	nullAs *string
}

// codec turns the text form of one source column into what one target column
// holds. It is not changed once it is made, so any goroutine may use it.
type codec struct {
	write func(text string) (bound, error)
	null  bound
}

// bound is a value as it is bound to a statement.
type bound struct {
	null bool
	// arg is the driver's argument; nil when null is true, since NULL is
	// written into the statement and takes no parameter.
	arg any
	// before and after are what stands around the parameter in the statement.
	before, after string
	// terms is the value as the target will hold it: two bounds of one target
	// type are stored alike exactly when their terms are equal.
	terms string
}

// expr returns the expression that stands for the value, given its parameter's
// name: "@p1". Its type is the column's own, so that an index on it can be used.
func (b bound) expr(param string) string {
	if b.null {
		return "NULL"
	}
	return b.before + param + b.after
}

// same reports whether the target holds b and other alike.
func (b bound) same(other bound) bool {
	return b.null == other.null && b.terms == other.terms
}

// cast wraps the parameter of b into a cast to the type.
func (b bound) cast(to string) bound {
	b.before, b.after = "CAST(", " AS "+to+")"
	return b
}

// holding is b with a value.
func (b bound) holding(arg any, terms string) bound {
	b.arg, b.terms = arg, terms
	return b
}

// refusal is why a pair of types, or a value of a pair that is allowed, is
// refused. It never holds the value.
type refusal struct {
	problem, advice string
	kind            resolve.Kind // TooLong, OutOfRange or NotEncodable
}

func (r *refusal) Error() string {
	if r.advice == "" {
		return r.problem
	}
	return r.problem + "; " + r.advice
}

func refuse(problem, advice string) error {
	return &refusal{problem, advice, resolve.NotEncodable}
}

func tooLong(dst sqlType) error {
	return &refusal{"it is longer than " + dst.String(), "the rule truncate cuts it", resolve.TooLong}
}

func outOfRange(problem, advice string) error {
	return &refusal{problem, advice, resolve.OutOfRange}
}

// newCodec makes the codec of a pair of columns. An error says why the pair is
// refused, and what would allow it.
func newCodec(src capture.Column, dst sqlType, opt codecOptions) (*codec, error) {
	write, err := pair(sourceFamily(src.Base), src, dst, opt)
	if err != nil {
		return nil, err
	}
	c := &codec{write: write, null: bound{null: true}}
	if opt.nullAs != nil {
		if c.null, err = literal(dst, *opt.nullAs); err != nil {
			return nil, refuse("what stands for null does not fit "+dst.String()+": "+err.Error(), "correct it")
		}
	}
	return c, nil
}

// encode returns v as the target holds it. v is null or present. The error says
// what does not fit, without the value.
func (c *codec) encode(v capture.Value) (bound, error) {
	text, ok := v.Text()
	switch {
	case ok:
		return c.write(text)
	case v.IsNull():
		return c.null, nil
	default:
		return bound{}, refuse("the value is absent", "")
	}
}

// same reports whether the target holds both values alike. An absent new value
// is the same as anything, because it is not written; an old one that is absent
// or cannot be encoded is the same as nothing. Texts that are equal are not
// looked at any further: what did not change is not refused.
func (c *codec) same(before, after capture.Value) (bool, error) {
	if after.IsAbsent() || before == after {
		return true, nil
	}
	now, err := c.encode(after)
	if err != nil {
		return false, err
	}
	if before.IsAbsent() {
		return false, nil
	}
	was, err := c.encode(before)
	return err == nil && was.same(now), nil
}

// literal reads the text of a T-SQL literal, without its quotes, as a value of
// t. It takes what is exact and, of what T-SQL makes of other text, the empty
// literal (1900-01-01 in a date, midnight in a time, 0 in a number that is not
// decimal), a date of eight digits, and the nearest float.
func literal(t sqlType, text string) (bound, error) {
	if t.class() == classBinary {
		return writeHexLiteral(t, text)
	}
	if text == "" {
		text = emptyLiteral(t)
	}
	if t.class() == classTime && len(text) == len("20060102") && digits(text) {
		text = text[:4] + "-" + text[4:6] + "-" + text[6:]
	}
	opt := codecOptions{lossy: Lossy{Round: t.class() == classFloat}}
	write, err := pair(familyText, capture.Column{Base: "text", Modifier: -1}, t, opt)
	if err != nil {
		return bound{}, err
	}
	return write(text)
}

func emptyLiteral(t sqlType) string {
	switch t.class() {
	case classInteger, classBit, classMoney, classFloat:
		return "0"
	case classTime:
		if t.name == "time" {
			return "00:00:00"
		}
		return "1900-01-01"
	default:
		return ""
	}
}
