package main

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/resolvetest"
)

// The councils of these tests differ in codes alone.
var councils = map[string]map[string]string{
	"Ashby":  {"dwelling_level": "7", "outcomes": "SOT=SUP, ADJ=ADJ", "history": "property, member"},
	"Barley": {"dwelling_level": "2", "outcomes": "SOT=S04 ADJ=A01", "quarterly": "4", "recharge_supplier": "R77", "ended": "u_left=Y"},
}

func rulesOf(t testing.TB, council string) *rules {
	t.Helper()
	r := newRules()
	if err := r.Configure(councils[council]); err != nil {
		t.Fatal(err)
	}
	return r
}

// row reads "a|-|?": - is null, ? is absent. An empty text is no row.
func row(text string) capture.Row {
	if text == "" {
		return nil
	}
	var out capture.Row
	for word := range strings.SplitSeq(text, "|") {
		switch word {
		case "-":
			out = append(out, capture.Null())
		case "?":
			out = append(out, capture.Value{})
		default:
			out = append(out, capture.Text(word))
		}
	}
	return out
}

func rowText(r capture.Row) string {
	var words []string
	for _, v := range r {
		word, ok := v.Text()
		switch {
		case v.IsNull():
			word = "-"
		case !ok:
			word = "?"
		}
		words = append(words, word)
	}
	return strings.Join(words, "|")
}

// table reads "tag_ref* cur_bal:numeric(9,2)"; the * is for the key, and char(20)
// the type where there is none.
func table(name, columns string) *capture.Table {
	t := &capture.Table{Schema: "dbo", Name: name, Identity: capture.IdentityFull}
	for word := range strings.FieldsSeq(columns) {
		word, typ, ok := strings.Cut(word, ":")
		if !ok {
			typ = "char(20)"
		}
		column, key := strings.CutSuffix(word, "*")
		t.Columns = append(t.Columns, capture.Column{Name: column, Base: typ, Modifier: -1, Key: key})
	}
	return t
}

const (
	tenancies  = "tag_ref* tenure cur_bal:numeric(9,2) rent:numeric(9,2)"
	cases      = "tag_ref* court_date:smalldatetime court_outcome:char(3) outcome_date:smalldatetime"
	evictions  = "tag_ref* eviction_date:smalldatetime note"
	agreements = "ref* freq_code status"
	notes      = "tag_ref* action_set* action_no* action_code* action_balance comment"
	properties = "prop_ref* level_code address"
)

// TestRules: what each rule decides at each council.
func TestRules(t *testing.T) {
	differs, exists := resolve.UpdateDiffers, resolve.InsertExists
	for _, test := range []struct {
		name, council           string
		table, columns          string
		kind                    resolve.Kind
		base, incoming, current string
		want                    string
	}{
		{"balance and rent are those on premises, the rest is the cloud's", "Ashby", "tenagree", tenancies, differs,
			"1|SEC|10.00|80.00", "1|INT|12.00|81.00", "1|SEC|15.00|82.00",
			"take_row 1|INT|15.00|82.00 balance-and-rent: they are those on premises, and the rest is the cloud's"},
		{"also where both changed the rest", "Ashby", "tenagree", tenancies, differs,
			"1|SEC|10.00|80.00", "1|INT|10.00|80.00", "1|DEM|15.00|80.00",
			"take_row 1|INT|15.00|80.00 balance-and-rent: they are those on premises, and the rest is the cloud's"},
		{"a tenancy that is missing goes to a person", "Ashby", "tenagree", tenancies, resolve.UpdateMissing,
			"1|SEC|10.00|80.00", "1|INT|10.00|80.00", "",
			"park tenancy: a person must look at it"},

		{"a complete case stays", "Ashby", "courtcase", cases, differs,
			"1|-|-|-", "1|2024-02-01T10:00:00|SOT|2024-02-01T00:00:00", "1|2024-01-15T10:00:00|SUP|2024-01-16T00:00:00",
			"take_target complete-case: the case is complete on premises, and stays"},
		{"blanks are filled, the rest stays, the outcome is mapped", "Ashby", "courtcase", cases, exists,
			"", "1|2024-02-01T10:00:00|SOT|2024-02-01T00:00:00", "1|2024-01-15T10:00:00|?  |1900-01-01T00:00:00",
			"take_row 1|2024-01-15T10:00:00|SUP|2024-02-01T00:00:00 fill-case: what was blank on premises is filled"},
		{"the same outcome has another code elsewhere", "Barley", "courtcase", cases, exists,
			"", "1|2024-02-01T10:00:00|SOT|2024-02-01T00:00:00", "1|-|-|-",
			"take_row 1|2024-02-01T10:00:00|S04|2024-02-01T00:00:00 fill-case: what was blank on premises is filled"},
		{"an outcome on premises stays", "Ashby", "courtcase", cases, differs,
			"1|-|-|-", "1|-|SOT|2024-02-01T00:00:00", "1|-|ADJ|-",
			"take_row 1|-|ADJ|2024-02-01T00:00:00 fill-case: what was blank on premises is filled"},
		{"an outcome that came back in the code on premises is known", "Barley", "courtcase", cases, exists,
			"", "1|-|S04|-", "1|-|-|-",
			"take_row 1|-|S04|- fill-case: what was blank on premises is filled"},
		{"an unknown outcome goes to a person", "Ashby", "courtcase", cases, exists,
			"", "1|-|XYZ|-", "1|-|-|-",
			"park outcome-codes: the outcome is none of those that are mapped"},
		{"an outcome that the target refuses is mapped", "Ashby", "courtcase", cases, resolve.Check,
			"", "1|2024-02-01T10:00:00|SOT|2024-02-01T00:00:00", "",
			"take_row 1|2024-02-01T10:00:00|SUP|2024-02-01T00:00:00 fill-case: what was blank on premises is filled"},
		{"several open cases go to a person", "Ashby", "courtcase", cases, resolve.SeveralMatch,
			"1|-|-|-", "1|-|SOT|-", "",
			"park open-cases: the tenancy has several open cases, and a person must say which one it is"},

		{"the newer eviction date wins: the cloud's", "Ashby", "eviction", evictions, differs,
			"1|2024-01-01T00:00:00|a", "1|2024-03-01T00:00:00|a", "1|2024-02-01T00:00:00|a",
			"take_row 1|2024-03-01T00:00:00|a eviction-date: the newer date wins"},
		{"the newer eviction date wins: the one on premises", "Ashby", "eviction", evictions, differs,
			"1|2024-01-01T00:00:00|a", "1|2024-02-01T00:00:00|b", "1|2024-03-01T00:00:00|a",
			"take_row 1|2024-03-01T00:00:00|b eviction-date: the newer date wins"},
		{"equal eviction dates are no change", "Ashby", "eviction", evictions, exists,
			"", "1|2024-03-01T00:00:00|a", "1|2024-03-01T00:00:00|a",
			"take_row 1|2024-03-01T00:00:00|a eviction-date: the newer date wins"},

		{"a quarterly agreement goes to a person, by the rule's name", "Ashby", "araagr", agreements, resolve.TriggerFailed,
			"", "1|Q|LIVE", "",
			"park quarterly-agreement: a quarterly agreement does not go live; agree on another frequency"},
		{"the agreement on premises collects", "Ashby", "araagr", agreements, differs,
			"1|W|LIVE", "1|M|LIVE", "1|W|BROKEN",
			"take_target agreement: the one on premises collects"},

		{"a dwelling is the cloud's", "Ashby", "property", properties, differs,
			"1|7|old", "1|7|cloud", "1|7|premises",
			"take_source dwellings-only: it is a dwelling, and the cloud's"},
		{"a block is not", "Ashby", "property", properties, differs,
			"1|2|old", "1|2|cloud", "1|2|premises",
			"take_target dwellings-only: it is no dwelling, and stays as it is on premises"},
		{"a dwelling has another level elsewhere", "Barley", "property", properties, differs,
			"1|2|old", "1|2|cloud", "1|2|premises",
			"take_source dwellings-only: it is a dwelling, and the cloud's"},
		{"a property that is missing goes to a person", "Ashby", "property", properties, resolve.UpdateMissing,
			"1|7|old", "1|7|cloud", "",
			"park dwellings-only: a person must look at it"},

		{"a member that differs is marked, not deleted", "Ashby", "member", "ref* name u_ended", resolve.DeleteDiffers,
			"1|a|0", "", "1|b|0",
			"take_row ?|?|1 keep-members: a member is marked as one who left, not deleted"},
		{"a deletion that the Emulator refused likewise", "Barley", "member", "ref* name U_LEFT", resolve.TriggerFailed,
			"1|a|N", "", "1|a|N",
			"take_row ?|?|Y keep-members: a member is marked as one who left, not deleted"},
		{"a member that cannot be marked goes to a person", "Ashby", "member", "ref* name", resolve.DeleteDiffers,
			"1|a", "", "1|b",
			"park keep-members: u_ended is not mapped, so the member cannot be marked as one who left"},
		{"a member that is gone is gone", "Ashby", "member", "ref* name u_ended", resolve.DeleteMissing,
			"1|a|0", "", "",
			"take_target keep-members: there is no such member"},
		{"the cloud has the household", "Ashby", "member", "ref* name u_ended", differs,
			"1|a|0", "1|c|0", "1|b|0",
			"take_source member: the cloud has the household"},

		{"a note with a number that is taken goes to a person", "Ashby", "araction", notes, exists,
			"", "1|2|4|GEN|-|cloud", "1|2|4|GEN|0.00|premises",
			"park diary-number: another note has that number; write this one again under the next"},
		{"also where an index takes it", "Barley", "araction", notes, resolve.Unique,
			"", "1|2|4|GEN|-|cloud", "",
			"park diary-number: another note has that number; write this one again under the next"},
		{"a note that both sides wrote in goes to a person", "Ashby", "araction", notes, differs,
			"1|2|4|GEN|0.00|old", "1|2|4|GEN|0.00|cloud", "1|2|4|GEN|0.00|premises",
			"park diary: a person must look at it"},

		{"a payment that does not fit goes to a person", "Ashby", "rtrans", "ref* tag_ref real_value", resolve.TriggerFailed,
			"", "1|999999/01|-7.50", "",
			"park payment: a person must look at it"},

		{"another table is not theirs", "Ashby", "contacts", "ref* name", differs,
			"1|a", "1|b", "1|c", "pass "},
	} {
		t.Run(test.council+": "+test.name, func(t *testing.T) {
			c := &resolve.Conflict{
				Kind: test.kind, Table: table(test.table, test.columns), Rule: "housing",
				Base: row(test.base), Incoming: row(test.incoming), Current: row(test.current), Op: capture.Update,
			}
			switch {
			case c.Base == nil:
				c.Op = capture.Insert
			case c.Incoming == nil:
				c.Op = capture.Delete
			}
			answers, err := resolve.Ask(t.Context(), rulesOf(t, test.council), []*resolve.Conflict{c})
			if err != nil {
				t.Fatal(err)
			}
			a := answers[0]
			got := strings.TrimSuffix(a.Action.String()+" "+rowText(a.Row), " ") + " " + a.Reason
			if got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
		})
	}
}

// TestContract: at each council they are rules as a host expects them, also for
// conflicts of their own tables.
func TestContract(t *testing.T) {
	var own []*resolve.Conflict
	for name, columns := range map[string]string{
		"tenagree": "ref balance cur_bal rent photo", "courtcase": "ref court_date court_outcome outcome_date photo",
		"eviction": "ref balance note eviction_date photo", "araagr": "ref freq_code status modified photo",
		"araction": "ref action_no note modified photo", "rtrans": "ref real_value note modified photo",
		"property": "ref level_code note modified photo", "member": "ref u_ended u_left modified photo",
	} {
		for _, c := range resolvetest.Conflicts() {
			named := *c.Table
			named.Name, named.Columns = name, append([]capture.Column{}, c.Table.Columns...)
			for i, column := range strings.Fields(columns) {
				named.Columns[i].Name = column
			}
			c.Table = &named
			own = append(own, c)
		}
	}
	for council := range councils {
		t.Run(council, func(t *testing.T) {
			resolvetest.Run(t, func(t testing.TB) resolve.Resolver { return rulesOf(t, council) }, own...)
		})
	}
}

// TestConfiguration: what is wrong with a configuration is one sentence.
func TestConfiguration(t *testing.T) {
	for _, test := range []struct{ key, value, says string }{
		{"level", "7", "there is no setting level; there are dwelling_level, ended, history, outcomes, quarterly, recharge_supplier"},
		{"dwelling_level", "", "dwelling_level is empty"},
		{"outcomes", "SOT", `outcomes has "SOT", which is not two codes such as SOT=SUP`},
		{"outcomes", "SOT=SUP,SOT=S04", "outcomes has SOT twice"},
		{"ended", "u_ended", "ended is a column and a value, such as u_ended=1"},
	} {
		err := newRules().Configure(map[string]string{test.key: test.value})
		if err == nil || err.Error() != test.says {
			t.Errorf("%s %q: %v\nwant %s", test.key, test.value, err, test.says)
		}
	}
}
