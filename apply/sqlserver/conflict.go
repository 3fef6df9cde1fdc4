package sqlserver

import (
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// rowImage is a row in the target's terms: a value for each column of a plan. A nil
// rowImage is no row.
type rowImage []imageValue

// imageValue is one value of an image. One that is not known is one that the
// source did not send, that the target cannot hold, or that the target holds and
// the driver cannot read to the letter: see sqlType.read.
type imageValue struct {
	known bool
	bound
	unfit string // the text of one that the target cannot hold
}

// same reports whether the value is known, and is b to the target.
func (v imageValue) same(b bound) bool { return v.known && v.bound.same(b) }

// isKnownAs reports whether both are known, and are the same to the target.
func (v imageValue) isKnownAs(other imageValue) bool {
	return other.known && v.same(other.bound)
}

// imageOf encodes a row of the source.
func (p *plan) imageOf(row capture.Row) rowImage {
	if row == nil {
		return nil
	}
	out := make(rowImage, len(p.columns))
	for i, column := range p.columns {
		v := row[column.from]
		if v.IsAbsent() {
			continue
		}
		if b, err := column.codec.encode(v); err == nil {
			out[i] = imageValue{known: true, bound: b}
		} else {
			out[i].unfit, _ = v.Text()
		}
	}
	return out
}

// row returns the image as a Conflict has it.
func (im rowImage) row() capture.Row {
	if im == nil {
		return nil
	}
	out := make(capture.Row, len(im))
	for i, v := range im {
		switch {
		case !v.known:
		case v.null:
			out[i] = capture.Null()
		default:
			out[i] = capture.Text(v.terms)
		}
	}
	return out
}

// at returns a value of a row; none is known where there is no row.
func (im rowImage) at(i int) imageValue {
	if im == nil {
		return imageValue{}
	}
	return im[i]
}

// isWhole reports whether every value of a row is known.
func (im rowImage) isWhole() bool {
	for _, v := range im {
		if !v.known {
			return false
		}
	}
	return im != nil
}

// encounter is one change that did not touch its row, with all three images of
// that row.
type encounter struct {
	*change
	base, incoming, current rowImage
	matched                 int64 // how many rows the target has
	changed                 bool  // the row is not as it was remembered
	ahead                   bool  // current has the key that the change would give the row, and none has the old one
}

// finds is the row by whose key current is found.
func (e *encounter) finds() capture.Row {
	if e.ahead {
		return e.in.After
	}
	return e.old()
}

// kind says what the change ran into, and in which columns. It is 0 where it ran
// into nothing: both sides did the same, or the target's row is as the source
// had it.
func (e *encounter) kind() (kind resolve.Kind, differs []int) {
	switch {
	case e.matched > 1:
		return resolve.SeveralMatch, nil
	case e.op == capture.Insert && e.matched == 0:
		return 0, nil
	case e.op == capture.Insert, e.ahead:
		if differs = e.columnsWhere(func(i int) bool { return e.incoming[i].known && !e.incoming[i].isKnownAs(e.current[i]) }); differs != nil {
			kind = resolve.InsertExists
		}
	case e.op == capture.Update && e.matched == 0:
		return resolve.UpdateMissing, nil
	case e.op == capture.Update:
		if differs = e.columnsWhere(e.collides); differs != nil {
			kind = resolve.UpdateDiffers
		}
	case e.matched == 0:
		return resolve.DeleteMissing, nil
	default:
		if differs = e.columnsWhere(e.strays); differs != nil {
			kind = resolve.DeleteDiffers
		}
	}
	return kind, differs
}

// sets reports whether an update sets a column: the source said what it is now,
// and it is not what it was.
func (e *encounter) sets(i int) bool {
	return e.incoming[i].known && !e.incoming[i].isKnownAs(e.base.at(i))
}

// collides reports whether an update sets a column that someone else has set to
// something else. Where the source did not say what it was, nobody can tell which
// columns someone else has set, and it may be any.
func (e *encounter) collides(i int) bool {
	if e.changed {
		return e.incoming[i].known && !e.incoming[i].isKnownAs(e.current[i])
	}
	told := e.in.Before != nil && !e.in.Before[e.columns[i].from].IsAbsent()
	return told && e.sets(i) && !e.current[i].isKnownAs(e.incoming[i]) && !e.current[i].isKnownAs(e.base[i])
}

// strays reports whether a column of a row that is to be deleted is not as the
// source had it, or may not be.
func (e *encounter) strays(i int) bool {
	return (e.base[i].known || e.changed) && !e.base[i].isKnownAs(e.current[i])
}

// asked is the row that the change asks for: of a row that exists, an update asks
// for the columns that it sets, and leaves the others as they are.
func (e *encounter) asked() rowImage {
	if e.op != capture.Update || e.current == nil || e.ahead {
		return e.incoming
	}
	out := make(rowImage, len(e.incoming))
	for _, i := range e.columnsWhere(e.sets) {
		out[i] = e.incoming[i]
	}
	return out
}

func (e *encounter) columnsWhere(is func(i int) bool) (out []int) {
	for i := range e.columns {
		if is(i) {
			out = append(out, i)
		}
	}
	return out
}

// conflict describes the encounter to a Resolver.
func (e *encounter) conflict(kind resolve.Kind, differs []int) *resolve.Conflict {
	return &resolve.Conflict{
		Kind: kind, Op: e.op, Table: e.plan.targetShape(), Rule: e.mapping.rule(),
		Base: e.base.row(), Incoming: e.incoming.row(), Current: e.current.row(), Differs: differs,
		Position: e.position, TxID: e.tx.ID, CommitTime: e.tx.CommitTime, Origin: e.tx.Origin,
	}
}

// targetShape is the target's table as a Conflict names it: the columns of the
// plan, with the target's names and types.
func (p *plan) targetShape() *capture.Table {
	if p.shape == nil {
		t := &capture.Table{Schema: p.target.name.schema, Name: p.target.name.table, Identity: p.source.Identity}
		for i, c := range p.columns {
			t.Columns = append(t.Columns, capture.Column{Name: c.to.name, Base: c.to.typ.String(), Modifier: -1, Key: p.isKey(i)})
		}
		p.shape = t
	}
	return p.shape
}
