package resolvetest

import (
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// account is a table with a column of each sort of type.
var account = &capture.Table{Schema: "dbo", Name: "account", Identity: capture.IdentityFull, Columns: []capture.Column{
	{Name: "ref", Base: "char(11)", Modifier: -1, Key: true},
	{Name: "balance", Base: "numeric(9,2)", Modifier: -1},
	{Name: "note", Base: "nvarchar(max)", Modifier: -1},
	{Name: "modified", Base: "datetime2(3)", Modifier: -1},
	{Name: "photo", OID: 17, Base: "varbinary(max)", Modifier: 4},
}}

// when is the commit of every conflict here.
var when = time.Date(2024, 2, 29, 23, 59, 59, 123456000, time.UTC)

// Conflicts returns one conflict of each kind, as an applier would find them,
// each of another row. They are new each time.
func Conflicts() []*resolve.Conflict {
	base := row("000023/02", "10.00", "old", "2024-01-01T10:00:00.000", nullText)
	incoming := row("000023/02", "12.50", "old", "2024-03-01T10:00:00.000", nullText)
	current := row("000023/02", "11.00", "new", "2024-02-01T10:00:00.000", nullText)
	update := func(k resolve.Kind, constraint string, differs ...int) *resolve.Conflict {
		return &resolve.Conflict{Kind: k, Op: capture.Update, Base: base, Incoming: incoming, Current: current, Constraint: constraint, Differs: differs}
	}
	out := []*resolve.Conflict{
		{Kind: resolve.InsertExists, Op: capture.Insert, Incoming: incoming, Current: current, Differs: []int{1, 2, 3}},
		{Kind: resolve.UpdateMissing, Op: capture.Update, Base: base, Incoming: incoming},
		update(resolve.UpdateDiffers, "", 1, 3),
		{Kind: resolve.DeleteMissing, Op: capture.Delete, Base: base},
		{Kind: resolve.DeleteDiffers, Op: capture.Delete, Base: base, Current: current, Differs: []int{1, 2, 3}},
		update(resolve.SeveralMatch, ""),
		update(resolve.Unique, "account_unique"),
		update(resolve.ForeignKey, "account_owner"),
		update(resolve.NotNull, "", 2),
		update(resolve.TooLong, "", 2),
		update(resolve.OutOfRange, "", 1),
		update(resolve.NotEncodable, "", 2),
		update(resolve.Check, "account_check"),
		update(resolve.TriggerFailed, "account_trigger"),
		update(resolve.Locked, ""),
	}
	for i, c := range out {
		c.Table = account
		for _, r := range []*capture.Row{&c.Base, &c.Incoming, &c.Current} {
			if *r != nil {
				*r = append(row("00004"+string(rune('a'+i))+"/01"), (*r)[1:]...)
			}
		}
		finish(c, i)
	}
	return out
}

// strange returns conflicts whose values no one expects.
func strange() []*resolve.Conflict {
	var out []*resolve.Conflict
	for i, note := range []string{
		absentText, nullText, "", "   ", "?", "\x00", "\xff\xfe not UTF-8", "a\r\nb\t\u2028", "O'Şahin \U0001F3E0", strings.Repeat("long ", 50_000),
	} {
		c := &resolve.Conflict{
			Kind: resolve.UpdateDiffers, Op: capture.Update, Table: account, Differs: []int{2},
			Base:     row("000001/01", absentText, "old", absentText, "\x00\x01\xff"),
			Incoming: row("000001/01", absentText, note, nullText, note),
			Current:  row("000001/01", "11.00", note, nullText, ""),
		}
		c.Incoming[0], c.Current[0] = c.Base[0], c.Base[0]
		finish(c, i)
		out = append(out, c)
	}
	return out
}

func finish(c *resolve.Conflict, i int) {
	c.Position, c.TxID, c.CommitTime, c.Origin, c.Rule = capture.Position(0x1000+i), uint64(700+i), when, "cloud", "suite"
}

// absentText stands for a value that is absent, nullText for one that is null.
const (
	absentText = "(absent)"
	nullText   = "(null)"
)

// row is a row with these values.
func row(values ...string) capture.Row {
	r := make(capture.Row, len(values))
	for i, v := range values {
		switch v {
		case absentText:
		case nullText:
			r[i] = capture.Null()
		default:
			r[i] = capture.Text(v)
		}
	}
	return r
}
