package estate

import (
	"slices"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

func seeded(t *testing.T, tenancies int) *Model {
	t.Helper()
	m, err := Seed(7, tenancies)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSameSeedSameEstate(t *testing.T) {
	a, b := seeded(t, 40), seeded(t, 40)
	for i, table := range a.Tables {
		if !slices.EqualFunc(a.Rows(table, Legacy), b.Rows(b.Tables[i], Legacy), slices.Equal[capture.Row]) {
			t.Errorf("%s differs between two estates of one seed", table.Legacy)
		}
	}
}

func TestLegacyForm(t *testing.T) {
	clock, err := London()
	if err != nil {
		t.Fatal(err)
	}
	date := "1900-01-01"
	for _, test := range []struct {
		name   string
		column Column
		cloud  capture.Value
		legacy capture.Value
	}{
		{"padding", Column{Legacy: Field{"c", "char(11) NOT NULL"}}, capture.Text("000023/02"), capture.Text("000023/02  ")},
		{"padding counts letters, not bytes", Column{Legacy: Field{"c", "char(5)"}}, capture.Text("Zoë"), capture.Text("Zoë  ")},
		{"null", Column{Legacy: Field{"c", "char(11) NULL"}}, capture.Null(), capture.Null()},
		{"null as a date", Column{Legacy: Field{"c", "smalldatetime"}, NullAs: &date}, capture.Null(), capture.Text("1900-01-01 00:00:00")},
		{"date", Column{Legacy: Field{"c", "datetime"}}, capture.Text("1950-02-28"), capture.Text("1950-02-28 00:00:00.000")},
		{"29 seconds go down", Column{Legacy: Field{"c", "smalldatetime"}}, capture.Text("2024-06-03 10:00:29"), capture.Text("2024-06-03 10:00:00")},
		{"30 seconds go up", Column{Legacy: Field{"c", "smalldatetime"}}, capture.Text("2024-12-31 23:59:30"), capture.Text("2025-01-01 00:00:00")},
		{"summer in London", Column{Legacy: Field{"c", "datetime"}}, capture.Text("2024-06-03 10:00:00+00"), capture.Text("2024-06-03 11:00:00.000")},
		{"winter in London", Column{Legacy: Field{"c", "datetime"}}, capture.Text("2024-01-03 10:00:00.5+00"), capture.Text("2024-01-03 10:00:00.500")},
		{"ticks end in 7", Column{Legacy: Field{"c", "datetime"}}, capture.Text("2024-01-03 10:00:00.346"), capture.Text("2024-01-03 10:00:00.347")},
		{"ticks end in 3", Column{Legacy: Field{"c", "datetime"}}, capture.Text("2024-01-03 10:00:00.002"), capture.Text("2024-01-03 10:00:00.003")},
		{"ticks end in 0", Column{Legacy: Field{"c", "datetime"}}, capture.Text("2024-01-03 10:00:00.999"), capture.Text("2024-01-03 10:00:01.000")},
		{"bit", Column{Legacy: Field{"c", "bit"}}, capture.Text("true"), capture.Text("1")},
	} {
		if got := test.column.legacyForm(test.cloud, clock); got != test.legacy {
			text, _ := got.Text()
			t.Errorf("%s: got %q", test.name, text)
		}
	}
}

// The legacy system's own values are moved by nothing that the cloud does.
func TestOwnedColumnStays(t *testing.T) {
	m := seeded(t, 40)
	table := m.table("tenancy")
	ref := tenancyRef(4, 1)
	balance := slices.IndexFunc(table.Columns, func(c Column) bool { return c.Owned })
	before := m.find("tenancy", ref).legacy[balance]
	m.update("tenancy", ref, changes{"balance": capture.Text("1.23"), "rent": capture.Text("2.00")})
	if m.find("tenancy", ref).legacy[balance] != before {
		t.Error("the model moved a column that the legacy system owns")
	}
}

func TestCompare(t *testing.T) {
	m := seeded(t, 40)
	tenancies, contacts := m.table("tenancy"), m.table("contact")
	twin := slices.IndexFunc(m.keys("contact"), func(k string) bool { return len(m.rows[contacts][k]) == 2 })
	twinRef := m.keys("contact")[twin]
	for _, test := range []struct {
		name   string
		table  *Table
		change func(read []capture.Row) []capture.Row
		want   Result
	}{
		{"equal", tenancies, func(r []capture.Row) []capture.Row { slices.Reverse(r); return r }, Result{}},
		{"altered", tenancies, func(r []capture.Row) []capture.Row {
			r[3] = slices.Clone(r[3])
			r[3][4] = capture.Text("1999-01-01 00:00:00")
			return r
		}, Result{Different: 1, First: []Difference{{tenancyRef(2, 2), "differs in cot"}}}},
		{"null for a blank", m.table("household_member"), func(r []capture.Row) []capture.Row {
			r[0] = slices.Clone(r[0])
			r[0][len(r[0])-1] = capture.Null()
			return r
		}, Result{Different: 1, First: []Difference{{householdRef(0, 1) + " 1", "differs in ni_no"}}}},
		{"missing", tenancies, func(r []capture.Row) []capture.Row { return r[1:] },
			Result{Missing: 1, First: []Difference{{tenancyRef(0, 1), "missing"}}}},
		{"extra", contacts, func(r []capture.Row) []capture.Row { return append(r, r[twin]) },
			Result{Extra: 1, First: []Difference{{twinRef, "extra"}}}},
		{"a twin missing", contacts, func(r []capture.Row) []capture.Row { return slices.Delete(r, twin, twin+1) },
			Result{Missing: 1, First: []Difference{{twinRef, "missing"}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := m.Compare(test.table, Legacy, test.change(m.Rows(test.table, Legacy)))
			got.Equal = 0
			if !slices.Equal(got.First, test.want.First) || got.Different != test.want.Different ||
				got.Missing != test.want.Missing || got.Extra != test.want.Extra {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestMoney(t *testing.T) {
	for _, text := range []string{"0.00", "0.05", "-0.05", "-118.40", "12345.67"} {
		if got := money(pence(text)); got != text {
			t.Errorf("%s came back as %s", text, got)
		}
	}
}

func TestInstantHasNoTrailingZeros(t *testing.T) {
	at := time.Date(2024, 6, 3, 10, 0, 0, 120_000_000, time.UTC)
	if got := instant(at); got != "2024-06-03 10:00:00.12+00" {
		t.Error(got)
	}
}

// A row that is changed and changed back was written; one whose form was saved
// unchanged was not.
func TestRewritten(t *testing.T) {
	m := seeded(t, 40)
	table := m.table("tenancy")
	before, after := make(map[string]string), make(map[string]string)
	for i, key := range m.keys("tenancy") {
		before[key], after[key] = "1", "1"
		if i < 3 {
			after[key] = "2"
		}
	}
	there, back, saved := m.keys("tenancy")[0], m.keys("tenancy")[1], m.keys("tenancy")[2]
	m.update("tenancy", there, changes{"tenure": capture.Text("OTH")})
	tenure := table.get(m.find("tenancy", back), "tenure")
	m.update("tenancy", back, changes{"tenure": capture.Text("OTH")})
	m.update("tenancy", back, changes{"tenure": capture.Text(tenure)})
	m.update("tenancy", saved, changes{"balance": capture.Text("7.00")})
	var r Result
	m.Rewritten(&r, table, before, after)
	if r.OK() || r.Rewritten != 1 || r.First[0].Key != saved {
		t.Errorf("got %+v, want %s alone", r, saved)
	}
}
