package resolve

import (
	"context"
	"maps"
	"slices"

	"github.com/syncback/syncback/capture"
)

// Side is one of the two that disagree.
type Side uint8

// The sides. The zero Side is none.
const (
	SourceSide Side = iota + 1
	TargetSide
)

// String returns "source" or "target".
func (s Side) String() string {
	switch s {
	case SourceSide:
		return "source"
	case TargetSide:
		return "target"
	default:
		return "neither"
	}
}

// take returns what it means that a side wins a conflict. The source cannot win
// what the target refuses, nor where it is not known which row to write.
func (s Side) take(c *Conflict, reason string) Resolution {
	switch {
	case s == TargetSide:
		return Resolution{Action: TakeTarget, Reason: reason}
	case s == SourceSide && verifyTakeSource(c) == nil:
		return Resolution{Action: TakeSource, Reason: reason}
	default:
		return Resolution{Action: Pass}
	}
}

// policy is a Resolver that needs neither a context nor more than one conflict.
type policy struct {
	decide  func(c *Conflict) Resolution
	columns []string // that it names
}

func decide(f func(c *Conflict) Resolution, columns ...string) Resolver { return policy{f, columns} }

// Resolve implements [Resolver].
func (p policy) Resolve(ctx context.Context, conflicts []*Conflict) ([]Resolution, error) {
	return Func(func(_ context.Context, c *Conflict) (Resolution, error) { return p.decide(c), nil }).Resolve(ctx, conflicts)
}

// Columns implements [ColumnNamer].
func (p policy) Columns() []string { return p.columns }

// ColumnNamer is a Resolver that names columns of the target's table. It is
// optional: who has one can check that the table has them, before there is any
// conflict.
type ColumnNamer interface {
	Resolver
	Columns() []string
}

// columnsOf returns the columns that resolvers name.
func columnsOf(resolvers ...Resolver) (out []string) {
	for _, r := range resolvers {
		if n, ok := r.(ColumnNamer); ok {
			out = append(out, n.Columns()...)
		}
	}
	return out
}

// SourceWins makes the change all the same. It passes on what the target
// refuses, and where several rows match.
func SourceWins() Resolver {
	return decide(func(c *Conflict) Resolution { return SourceSide.take(c, "the source wins") })
}

// TargetWins leaves the target as it is.
func TargetWins() Resolver {
	return decide(func(c *Conflict) Resolution { return TargetSide.take(c, "the target wins") })
}

// Halted stops the pipeline, which is also what happens without any policy. It
// is for the end of a chain, or for one kind in [ByKind].
func Halted(reason string) Resolver {
	return decide(func(*Conflict) Resolution { return Resolution{Action: Halt, Reason: reason} })
}

// Parked sets the change aside for a person.
func Parked(reason string) Resolver {
	return decide(func(*Conflict) Resolution { return Resolution{Action: Park, Reason: reason} })
}

// ByKind asks the Resolver of the conflict's kind, and passes where there is
// none.
func ByKind(kinds map[Kind]Resolver) Resolver {
	return byKind(maps.Clone(kinds))
}

type byKind map[Kind]Resolver

// Resolve implements [Resolver].
func (k byKind) Resolve(ctx context.Context, conflicts []*Conflict) ([]Resolution, error) {
	return Func(func(ctx context.Context, c *Conflict) (Resolution, error) {
		if k[c.Kind] == nil {
			return Resolution{Action: Pass}, nil
		}
		answers, err := Ask(ctx, k[c.Kind], []*Conflict{c})
		if err != nil {
			return Resolution{}, err
		}
		return answers[0], nil
	}).Resolve(ctx, conflicts)
}

// Columns implements [ColumnNamer].
func (k byKind) Columns() []string { return columnsOf(slices.Collect(maps.Values(k))...) }

// Newest keeps the row whose column is later, or greater: that of the change
// against that of the target. Where both are the same, tie wins; the zero Side
// passes then. It passes where either is null, absent or has no such column,
// and for what the target refuses.
//
// A row that is missing has no age. So an update or a delete of a row that is
// missing passes, and a delete compares the row that was deleted.
func Newest(column string, tie Side) Resolver {
	return decide(func(c *Conflict) Resolution {
		incoming := c.Incoming
		if c.Op == capture.Delete {
			incoming = c.Base
		}
		order, ok := c.compare(column, incoming, c.Current)
		switch {
		case !ok || c.Kind.Refused():
			return Resolution{Action: Pass}
		case order > 0:
			return SourceSide.take(c, "the source's "+column+" is newer")
		case order < 0:
			return TargetSide.take(c, "the target's "+column+" is newer")
		default:
			return tie.take(c, column+" is the same on both sides")
		}
	}, column)
}

// Version keeps the target's row where its version column is higher than that of
// the change, and the change where its own is higher. Equal versions of rows
// that differ, and what has no version, pass: someone did not count.
func Version(column string) Resolver { return Newest(column, 0) }

// compare compares a column of two rows in the order of its type. It is false
// where that cannot be done.
func (c *Conflict) compare(column string, a, b capture.Row) (order int, ok bool) {
	i := c.Column(column)
	if i < 0 || a == nil || b == nil {
		return 0, false
	}
	x, ok1 := a[i].Text()
	y, ok2 := b[i].Text()
	if !ok1 || !ok2 {
		return 0, false
	}
	return compareAs(c.Table.Columns[i].Base, x, y)
}

// First asks one Resolver after the other and takes the first answer that is not
// Pass. A resolver is asked of all the conflicts that those before it passed, at
// once. Where all pass, so does First.
func First(resolvers ...Resolver) Resolver { return chain(resolvers) }

type chain []Resolver

// Columns implements [ColumnNamer].
func (rs chain) Columns() []string { return columnsOf(rs...) }

// Resolve implements [Resolver].
func (rs chain) Resolve(ctx context.Context, conflicts []*Conflict) ([]Resolution, error) {
	out := make([]Resolution, len(conflicts))
	open := make([]int, len(conflicts)) // those that are undecided
	for i := range conflicts {
		out[i], open[i] = Resolution{Action: Pass}, i
	}
	for _, r := range rs {
		if len(open) == 0 {
			break
		}
		ask := make([]*Conflict, len(open))
		for i, at := range open {
			ask[i] = conflicts[at]
		}
		answers, err := Ask(ctx, r, ask)
		if err != nil {
			return nil, err
		}
		var rest []int
		for i, at := range open {
			if out[at] = answers[i]; answers[i].Action == Pass {
				rest = append(rest, at)
			}
		}
		open = rest
	}
	return out, nil
}
