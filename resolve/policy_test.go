package resolve_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// rent is a table of the target: a key, a number, a text, a code and a time.
var rent = &capture.Table{Schema: "dbo", Name: "rent", Columns: []capture.Column{
	{Name: "ref", Base: "char(11)", Key: true},
	{Name: "amount", Base: "numeric(9,2)"},
	{Name: "note", Base: "varchar(20)"},
	{Name: "code", Base: "char(3)"},
	{Name: "modified", Base: "datetime"},
}}

// row makes a row of rent from its values after the key: "-" is null, "?" is
// absent.
func row(values string) capture.Row {
	if values == "" {
		return nil
	}
	r := capture.Row{capture.Text("000023/02")}
	for v := range strings.SplitSeq(values, "|") {
		switch v {
		case "-":
			r = append(r, capture.Null())
		case "?":
			r = append(r, capture.Value{})
		default:
			r = append(r, capture.Text(v))
		}
	}
	return r
}

// values is the reverse of row.
func values(r capture.Row) string {
	if r == nil {
		return ""
	}
	var out []string
	for _, v := range r[1:] {
		text, ok := v.Text()
		switch {
		case ok:
			out = append(out, text)
		case v.IsNull():
			out = append(out, "-")
		default:
			out = append(out, "?")
		}
	}
	return strings.Join(out, "|")
}

// kinds are one conflict of each kind, with the rows that it has.
func kinds() map[resolve.Kind]*resolve.Conflict {
	const base, ours, theirs = "10.00|old|SOT|2024-01-01T10:00:00.000", "12.50|old|SOT|2024-03-01T10:00:00.000", "11.00|new|SOT|2024-02-01T10:00:00.000"
	of := func(k resolve.Kind, op capture.Op, base, incoming, current string, differs ...int) *resolve.Conflict {
		return &resolve.Conflict{Kind: k, Op: op, Table: rent, Rule: "test", Differs: differs, Base: row(base), Incoming: row(incoming), Current: row(current)}
	}
	return map[resolve.Kind]*resolve.Conflict{
		resolve.InsertExists:  of(resolve.InsertExists, capture.Insert, "", ours, theirs, 1, 2, 4),
		resolve.UpdateMissing: of(resolve.UpdateMissing, capture.Update, base, ours, ""),
		resolve.UpdateDiffers: of(resolve.UpdateDiffers, capture.Update, base, ours, theirs, 1, 4),
		resolve.DeleteMissing: of(resolve.DeleteMissing, capture.Delete, base, "", ""),
		resolve.DeleteDiffers: of(resolve.DeleteDiffers, capture.Delete, base, "", theirs, 1, 2, 4),
		resolve.SeveralMatch:  of(resolve.SeveralMatch, capture.Update, base, ours, ""),
		resolve.Unique:        of(resolve.Unique, capture.Insert, "", ours, ""),
		resolve.ForeignKey:    of(resolve.ForeignKey, capture.Delete, base, "", base),
		resolve.NotNull:       of(resolve.NotNull, capture.Update, base, ours, base, 3),
		resolve.TooLong:       of(resolve.TooLong, capture.Update, base, "12.50|?|SOT|2024-03-01T10:00:00.000", base, 2),
		resolve.OutOfRange:    of(resolve.OutOfRange, capture.Insert, "", "?|old|SOT|2024-03-01T10:00:00.000", "", 1),
		resolve.NotEncodable:  of(resolve.NotEncodable, capture.Insert, "", "12.50|?|SOT|2024-03-01T10:00:00.000", "", 2),
		resolve.Check:         of(resolve.Check, capture.Update, base, ours, base),
		resolve.TriggerFailed: of(resolve.TriggerFailed, capture.Update, base, ours, base),
		resolve.Locked:        of(resolve.Locked, capture.Update, base, ours, base),
	}
}

// TestEveryKindTimesEveryPolicy has what each policy answers to a conflict of
// each kind: the action, and the row where it gives one. A policy passes where
// it has nothing to go by: what is missing has no age and nothing to merge with,
// and what the target refuses cannot be taken from the source as it is.
func TestEveryKindTimesEveryPolicy(t *testing.T) {
	policies := []struct {
		name   string
		policy resolve.Resolver
		want   map[resolve.Kind]string // otherwise is for the rest
		others string
	}{
		{"source-wins", resolve.SourceWins(), map[resolve.Kind]string{
			resolve.InsertExists: "take_source", resolve.UpdateMissing: "take_source", resolve.UpdateDiffers: "take_source",
			resolve.DeleteMissing: "take_source", resolve.DeleteDiffers: "take_source",
		}, "pass"},
		{"target-wins", resolve.TargetWins(), nil, "take_target"},
		{"park", resolve.Parked("see to it"), nil, "park"},
		{"halt", resolve.Halted("see to it"), nil, "halt"},
		{"newest", resolve.Newest("modified", resolve.TargetSide), map[resolve.Kind]string{
			resolve.InsertExists: "take_source", resolve.UpdateDiffers: "take_source", resolve.DeleteDiffers: "take_target",
		}, "pass"},
		{"version", resolve.Version("amount"), map[resolve.Kind]string{
			resolve.InsertExists: "take_source", resolve.UpdateDiffers: "take_source", resolve.DeleteDiffers: "take_target",
		}, "pass"},
		{"merge, the source where both changed", resolve.Merge(resolve.Merging{Both: resolve.SourceColumn()}), map[resolve.Kind]string{
			resolve.InsertExists:  "take_row 12.50|old|SOT|2024-03-01T10:00:00.000",
			resolve.UpdateDiffers: "take_row 12.50|new|SOT|2024-03-01T10:00:00.000",
		}, "pass"},
		{"merge, undecided where both changed", resolve.Merge(resolve.Merging{}), nil, "pass"},
		{"an owner for each column", resolve.Merge(resolve.Merging{Both: resolve.TargetColumn(), Columns: map[string]resolve.ColumnRule{
			"note": resolve.TargetColumn(), "modified": resolve.SourceColumn(),
		}}), map[resolve.Kind]string{
			resolve.InsertExists:  "take_row 11.00|new|SOT|2024-03-01T10:00:00.000",
			resolve.UpdateDiffers: "take_row 11.00|new|SOT|2024-03-01T10:00:00.000",
			resolve.TooLong:       "take_row 12.50|old|SOT|2024-03-01T10:00:00.000",
		}, "pass"},
		{"fill-blank", resolve.Merge(resolve.Merging{Both: resolve.FillBlank("11.00")}), map[resolve.Kind]string{
			resolve.InsertExists:  "take_row 12.50|new|SOT|2024-02-01T10:00:00.000",
			resolve.UpdateDiffers: "take_row 12.50|new|SOT|2024-02-01T10:00:00.000",
		}, "pass"},
		{"additive", resolve.Merge(resolve.Merging{Both: resolve.LaterColumn(), Columns: map[string]resolve.ColumnRule{"amount": resolve.Additive()}}), map[resolve.Kind]string{
			resolve.UpdateDiffers: "take_row 13.50|new|SOT|2024-03-01T10:00:00.000",
		}, "pass"},
		{"map", resolve.Merge(resolve.Merging{Both: resolve.SourceColumn(), Columns: map[string]resolve.ColumnRule{"code": resolve.Map(map[string]string{"SOT": "SUP"})}}), map[resolve.Kind]string{
			resolve.InsertExists:  "take_row 12.50|old|SUP|2024-03-01T10:00:00.000",
			resolve.UpdateDiffers: "take_row 12.50|new|SUP|2024-03-01T10:00:00.000",
			resolve.Unique:        "take_row 12.50|old|SUP|2024-03-01T10:00:00.000",
			resolve.NotNull:       "take_row 12.50|old|SUP|2024-03-01T10:00:00.000",
			resolve.Check:         "take_row 12.50|old|SUP|2024-03-01T10:00:00.000",
			resolve.TriggerFailed: "take_row 12.50|old|SUP|2024-03-01T10:00:00.000",
		}, "pass"},
		{"the first that decides", resolve.First(resolve.Newest("modified", 0), resolve.ByKind(map[resolve.Kind]resolve.Resolver{resolve.Check: resolve.TargetWins()}), resolve.Parked("")), map[resolve.Kind]string{
			resolve.InsertExists: "take_source", resolve.UpdateDiffers: "take_source", resolve.DeleteDiffers: "take_target", resolve.Check: "take_target",
		}, "park"},
	}
	for _, p := range policies {
		for kind, c := range kinds() {
			want := p.others
			if w, ok := p.want[kind]; ok {
				want = w
			}
			answers, err := resolve.Ask(t.Context(), p.policy, []*resolve.Conflict{c})
			if err != nil {
				t.Errorf("%s of %s: %v", p.name, kind, err)
				continue
			}
			got := strings.TrimSpace(answers[0].Action.String() + " " + values(answers[0].Row))
			if got != want {
				t.Errorf("%s of %s: %s, want %s", p.name, kind, got, want)
			}
		}
	}
}

func TestColumnRules(t *testing.T) {
	for _, test := range []struct {
		name                    string
		rule                    resolve.ColumnRule
		typ                     string
		base, incoming, current string
		want                    string // "none" is undecided
	}{
		{"additive", resolve.Additive(), "numeric(9,2)", "10.00", "12.50", "11.00", "13.50"},
		{"additive, downwards", resolve.Additive(), "int", "10", "4", "3", "-3"},
		{"additive, money", resolve.Additive(), "money", "0.0001", "0.0000", "0.0000", "-0.0001"},
		{"additive, beyond floats", resolve.Additive(), "bigint", "0", "1", "9007199254740992", "9007199254740993"},
		{"additive of a float", resolve.Additive(), "float", "1", "2", "3", "none"},
		{"additive without the old value", resolve.Additive(), "int", "?", "2", "3", "none"},
		{"additive of null", resolve.Additive(), "int", "1", "2", "-", "none"},
		{"later", resolve.LaterColumn(), "date", "?", "2024-02-29", "2023-12-31", "2024-02-29"},
		{"later, numbers are no text", resolve.LaterColumn(), "int", "?", "9", "10", "10"},
		{"later than null", resolve.LaterColumn(), "int", "?", "-", "10", "10"},
		{"later of text", resolve.LaterColumn(), "varchar(9)", "?", "a", "b", "none"},
		{"fill a null", resolve.FillBlank(), "int", "?", "7", "-", "7"},
		{"fill a blank", resolve.FillBlank("", "?"), "char(3)", "-", "new", "?  ", "new"},
		{"fill what is blanks", resolve.FillBlank(""), "char(3)", "-", "new", "   ", "new"},
		{"leave what is filled", resolve.FillBlank(""), "char(3)", "-", "new", "old", "old"},
		{"map", resolve.Map(map[string]string{"SOT": "SUP"}), "char(3)", "-", "SOT", "x", "SUP"},
		{"map an unknown code", resolve.Map(map[string]string{"SOT": "SUP"}), "char(3)", "-", "ABC", "x", "none"},
		{"map null", resolve.Map(map[string]string{"": "SUP"}), "char(3)", "-", "-", "x", "none"},
	} {
		v := row(test.base + "|" + test.incoming + "|" + test.current)
		got, ok := test.rule(resolve.ColumnValues{Type: test.typ, Base: v[1], Incoming: v[2], Current: v[3]})
		text := "none"
		if ok {
			text = values(capture.Row{{}, got})
		}
		if text != test.want {
			t.Errorf("%s: %s, want %s", test.name, text, test.want)
		}
	}
}

func TestTieGoesToTheNamedSide(t *testing.T) {
	c := kinds()[resolve.UpdateDiffers]
	c.Current[4] = c.Incoming[4]
	for side, want := range map[resolve.Side]resolve.Action{resolve.SourceSide: resolve.TakeSource, resolve.TargetSide: resolve.TakeTarget, 0: resolve.Pass} {
		answers, err := resolve.Ask(t.Context(), resolve.Newest("modified", side), []*resolve.Conflict{c})
		if err != nil || answers[0].Action != want {
			t.Errorf("a tie with %s: %v, %v; want %s", side, answers, err, want)
		}
	}
}

// TestNonsense: an answer that cannot be used is an error that names the rule,
// and never a decision.
func TestNonsense(t *testing.T) {
	answer := func(r resolve.Resolution) resolve.Resolver {
		return resolve.Func(func(context.Context, *resolve.Conflict) (resolve.Resolution, error) { return r, nil })
	}
	short := resolverFunc(func([]*resolve.Conflict) ([]resolve.Resolution, error) { return nil, nil })
	panics := resolverFunc(func([]*resolve.Conflict) ([]resolve.Resolution, error) { panic("SECRET") })
	of := kinds()
	for _, test := range []struct {
		name string
		r    resolve.Resolver
		kind resolve.Kind
	}{
		{"no answer", short, resolve.UpdateDiffers},
		{"a panic", panics, resolve.UpdateDiffers},
		{"an action that is none", answer(resolve.Resolution{Action: 99}), resolve.UpdateDiffers},
		{"a row that is too short", answer(resolve.Resolution{Action: resolve.TakeRow, Row: row("1")}), resolve.UpdateDiffers},
		{"a row with another key", answer(resolve.Resolution{Action: resolve.TakeRow, Row: append(capture.Row{capture.Text("SECRET")}, row("1|a|b|-")[1:]...)}), resolve.UpdateDiffers},
		{"a part of a row that is missing", answer(resolve.Resolution{Action: resolve.TakeRow, Row: row("1|?|b|-")}), resolve.UpdateMissing},
		{"a row for what is deleted and missing", answer(resolve.Resolution{Action: resolve.TakeRow, Row: row("1|a|b|-")}), resolve.DeleteMissing},
		{"a row for the source", answer(resolve.Resolution{Action: resolve.TakeTarget, Row: row("1|a|b|-")}), resolve.UpdateDiffers},
		{"the source where the target refused", answer(resolve.Resolution{Action: resolve.TakeSource}), resolve.Check},
		{"the source where the record is open", answer(resolve.Resolution{Action: resolve.TakeSource}), resolve.Locked},
		{"a row where the record is open", answer(resolve.Resolution{Action: resolve.TakeRow, Row: row("1|a|b|-")}), resolve.Locked},
		{"the source where several match", answer(resolve.Resolution{Action: resolve.TakeSource}), resolve.SeveralMatch},
	} {
		_, err := resolve.Ask(t.Context(), test.r, []*resolve.Conflict{of[test.kind]})
		var nonsense *resolve.NonsenseError
		if says := "rule test on " + test.kind.String() + " of dbo."; !errors.As(err, &nonsense) || !strings.HasPrefix(err.Error(), says) {
			t.Errorf("%s: %v; want %s…", test.name, err, says)
		}
		if strings.Contains(fmt.Sprint(err), "SECRET") {
			t.Errorf("%s: the error quotes a value", test.name)
		}
	}
}

// TestNonsenseNamesWhatItIsAbout: what several conflicts have in common, and who
// was asked.
func TestNonsenseNamesWhatItIsAbout(t *testing.T) {
	panics := resolverFunc(func([]*resolve.Conflict) ([]resolve.Resolution, error) { panic("SECRET") })
	one, another := *kinds()[resolve.UpdateDiffers], *kinds()[resolve.UpdateDiffers]
	another.Kind = resolve.DeleteDiffers
	elsewhere := another
	elsewhere.Table = &capture.Table{Schema: "dbo", Name: "elsewhere"}
	table := one.Table.String()
	for want, asked := range map[string][]*resolve.Conflict{
		"rule test on update_differs of " + table + ": it panicked with a string": {&one, &one},
		"rule test on " + table + ": it panicked with a string":                   {&one, &another},
		"rule test: it panicked with a string":                                    {&one, &another, &elsewhere},
	} {
		if _, err := resolve.Ask(t.Context(), panics, asked); err == nil || err.Error() != want {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	person := resolve.NonsenseError{Table: table, Kind: resolve.TooLong, Err: errors.New("it does not fit")}
	if want := "the decision on too_long of " + table + ": it does not fit"; person.Error() != want {
		t.Errorf("%v\nwant %s", &person, want)
	}
}

// TestRowWithoutValuesNamesItsColumns: who decides is told what is missing.
func TestRowWithoutValuesNamesItsColumns(t *testing.T) {
	c := *kinds()[resolve.UpdateMissing]
	c.Incoming = row("1|?|b|?")
	for action, want := range map[resolve.Action]string{
		resolve.TakeSource: "the row is missing, and the source sent no value for note, modified; decide with take_row, and a row that has all columns",
		resolve.TakeRow:    "the row is missing, and the one to write has no value for note, modified; give take_row a row that has all columns",
	} {
		r := resolve.Resolution{Action: action}
		if action == resolve.TakeRow {
			r.Row = row("1|?|b|?")
		}
		if err := r.Verify(&c); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", action, err, want)
		}
	}
}

type resolverFunc func([]*resolve.Conflict) ([]resolve.Resolution, error)

func (f resolverFunc) Resolve(_ context.Context, c []*resolve.Conflict) ([]resolve.Resolution, error) {
	return f(c)
}

// TestChainAsksOnceForAll: each resolver of a chain is asked once, of all that
// those before it left.
func TestChainAsksOnceForAll(t *testing.T) {
	of := kinds()
	conflicts := []*resolve.Conflict{of[resolve.UpdateDiffers], of[resolve.UpdateMissing], of[resolve.DeleteDiffers]}
	var asked []int
	counting := resolverFunc(func(c []*resolve.Conflict) ([]resolve.Resolution, error) {
		asked = append(asked, len(c))
		out := make([]resolve.Resolution, len(c))
		for i := range c {
			out[i].Action = resolve.Pass
			if c[i].Op == capture.Delete {
				out[i].Action = resolve.TakeTarget
			}
		}
		return out, nil
	})
	got, err := resolve.First(counting, counting, resolve.SourceWins(), counting).Resolve(t.Context(), conflicts)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(asked) != "[3 2]" {
		t.Errorf("asked of %v conflicts", asked)
	}
	if got[0].Action != resolve.TakeSource || got[1].Action != resolve.TakeSource || got[2].Action != resolve.TakeTarget {
		t.Errorf("decided %v", got)
	}
}

func TestNames(t *testing.T) {
	for k := resolve.InsertExists; k <= resolve.Locked; k++ {
		if back, ok := resolve.ParseKind(k.String()); !ok || back != k {
			t.Errorf("%s is read back as %s", k, back)
		}
	}
	for a := resolve.Halt; a <= resolve.Pass; a++ {
		if back, ok := resolve.ParseAction(a.String()); !ok || back != a {
			t.Errorf("%s is read back as %s", a, back)
		}
	}
	if _, ok := resolve.ParseKind("invalid"); ok {
		t.Error("there is a kind named invalid")
	}
}

func ExampleFirst() {
	rule := resolve.First(
		resolve.Newest("modified", resolve.TargetSide),
		resolve.Parked("a person must look at it"),
	)
	both := &resolve.Conflict{
		Kind: resolve.UpdateDiffers, Op: capture.Update, Table: rent, Rule: "newest",
		Base:     row("10.00|old|SOT|2024-01-01T10:00:00.000"),
		Incoming: row("12.50|old|SOT|2024-03-01T10:00:00.000"),
		Current:  row("11.00|old|SOT|2024-02-01T10:00:00.000"),
	}
	answers, err := rule.Resolve(context.Background(), []*resolve.Conflict{both})
	if err != nil {
		panic(err)
	}
	fmt.Println(answers[0].Action, "because", answers[0].Reason)
	// Output: take_source because the source's modified is newer
}
