package sqlserver

import (
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// testTarget is a target table as a catalogue would have it.
func testTarget() *targetTable {
	text := func(n int) sqlType {
		return sqlType{name: "char", length: n, codePage: 1252, collation: "SQL_Latin1_General_CP1_CI_AS"}
	}
	return &targetTable{
		id: 1, name: name{"dbo", "tenagree"},
		columns: []targetColumn{
			{id: 1, name: "tag_ref", typ: text(11)},
			{id: 2, name: "cur_bal", typ: sqlType{name: "numeric", precision: 9, scale: 2}, nullable: true},
			{id: 3, name: "eot", typ: sqlType{name: "smalldatetime"}, hasDefault: true},
			{id: 4, name: "tstamp", typ: sqlType{name: "timestamp"}, nullable: true},
			{id: 5, name: "Comp_Display", typ: text(20), computed: true, nullable: true},
			{id: 6, name: "u_kind", typ: text(3)},
			{id: 7, name: "sid", typ: sqlType{name: "int"}, identity: true},
		},
		uniques: []uniqueIndex{{columns: []string{"TAG_REF"}}},
	}
}

func testSource(identity capture.Identity) *capture.Table {
	column := func(name, base string, key bool) capture.Column {
		return capture.Column{Name: name, Base: base, Modifier: -1, Key: key}
	}
	return &capture.Table{Schema: "public", Name: "tenancy", Identity: identity, Columns: []capture.Column{
		column("tenancy_ref", "text", true), column("balance", "numeric", false), column("ended", "timestamp", false),
	}}
}

func sentinel(s string) *string { return &s }

func testConfig() Table {
	return Table{Source: "tenancy", Target: "[DBO].TenAgree", Fixed: map[string]string{"U_KIND": "SEC"},
		Columns: map[string]Column{
			"tenancy_ref": {To: "TAG_REF"}, "balance": {To: "cur_bal"}, "ended": {To: "eot", NullAs: sentinel("1900-01-01")},
		}}
}

func mustPlan(t *testing.T, config Table, source *capture.Table) *plan {
	t.Helper()
	target := testTarget()
	m, err := match(config, catalogue{target.name.fold(): {target}})
	if err != nil {
		t.Fatal(err)
	}
	p, wrong := newPlan(m, source, planOptions{})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return p
}

func TestPlanMatchesNamesWithoutRegardToCase(t *testing.T) {
	p := mustPlan(t, testConfig(), testSource(capture.IdentityFull))
	var got []string
	for _, c := range p.columns {
		got = append(got, c.to.name)
	}
	if want := []string{"tag_ref", "cur_bal", "eot"}; !slices.Equal(got, want) {
		t.Errorf("columns = %v, want %v", got, want)
	}
	if !slices.Equal(p.key, []int{0}) {
		t.Errorf("key = %v, want the source's own", p.key)
	}
	if !p.unique {
		t.Error("the key's unique index was not recognised")
	}
	if got := p.unwritten(); got != nil {
		t.Errorf("unwritten = %v, want none: u_kind is fixed, sid is an identity", got)
	}
}

func TestPlanLeavesAloneWhatTheTargetOwns(t *testing.T) {
	source := testSource(capture.IdentityFull)
	source.Columns = append(source.Columns,
		capture.Column{Name: "tstamp", Base: "bytea", Modifier: -1},
		capture.Column{Name: "comp_display", Base: "text", Modifier: -1},
		capture.Column{Name: "notes", Base: "text", Modifier: -1})
	config := testConfig()
	config.Columns["balance"] = Column{To: "cur_bal", OwnerTarget: true}
	config.Columns["notes"] = Column{Skip: true}
	p := mustPlan(t, config, source)
	for _, c := range p.columns {
		if !slices.Contains([]string{"tag_ref", "eot"}, c.to.name) {
			t.Errorf("%s is written", c.to.name)
		}
	}
}

// TestPlanRefuses has each mistake in a mapping, and what the sentence names.
func TestPlanRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(*Table, *capture.Table)
		names []string
	}{
		{"no such target table", func(c *Table, _ *capture.Table) { c.Target = "dbo.gone" }, []string{"dbo.gone"}},
		{"bad target name", func(c *Table, _ *capture.Table) { c.Target = "a.b.c" }, []string{"a.b.c"}},
		{"no such target column", func(c *Table, _ *capture.Table) { c.Columns["balance"] = Column{To: "nope"} }, []string{"balance", "nope"}},
		{"no such key", func(c *Table, _ *capture.Table) { c.Key = []string{"nope"} }, []string{"key", "nope"}},
		{"no such exclude", func(c *Table, _ *capture.Table) { c.Exclude = []string{"nope"} }, []string{"exclude", "nope"}},
		{"no such fixed", func(c *Table, _ *capture.Table) { c.Fixed["nope"] = "1" }, []string{"fixed", "nope"}},
		{"fixed identity", func(c *Table, _ *capture.Table) { c.Fixed["sid"] = "1" }, []string{"fixed", "sid"}},
		{"fixed does not fit", func(c *Table, _ *capture.Table) { c.Fixed["U_KIND"] = "much too long" }, []string{"fixed", "u_kind", "char(3)"}},
		{"fixed twice", func(c *Table, _ *capture.Table) { c.Fixed["u_kind"] = "SEC" }, []string{"fixed", "u_kind", "twice"}},
		{"fixed and mapped", func(c *Table, _ *capture.Table) { c.Fixed["cur_bal"] = "1" }, []string{"cur_bal", "fixed"}},
		{"no such source column", func(c *Table, _ *capture.Table) { c.Columns["gone"] = Column{Skip: true} }, []string{"gone", "public.tenancy"}},
		{"unmapped source column", func(_ *Table, s *capture.Table) {
			s.Columns = append(s.Columns, capture.Column{Name: "new_one", Base: "text", Modifier: -1})
		}, []string{"new_one", "dbo.tenagree"}},
		{"two into one", func(c *Table, _ *capture.Table) { c.Columns["ended"] = Column{To: "cur_bal"} }, []string{"cur_bal"}},
		{"key not written", func(c *Table, _ *capture.Table) { c.Key = []string{"u_kind"} }, []string{"u_kind"}},
		{"source key excluded", func(c *Table, _ *capture.Table) { c.Exclude = []string{"tag_ref"} }, []string{"tenancy_ref"}},
		{"no way to find a row", func(_ *Table, s *capture.Table) {
			s.Columns[0].Key, s.Identity = false, capture.IdentityNothing
		}, []string{"public.tenancy", "REPLICA IDENTITY FULL"}},
		{"impossible pair", func(_ *Table, s *capture.Table) { s.Columns[1].Base = "bytea" }, []string{"balance", "cur_bal"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config, source := testConfig(), testSource(capture.IdentityFull)
			test.spoil(&config, source)
			target := testTarget()
			m, err := match(config, catalogue{target.name.fold(): {target}})
			if err == nil {
				_, wrong := newPlan(m, source, planOptions{})
				if len(wrong) == 0 {
					t.Fatal("it was accepted")
				}
				err = wrong[0]
			}
			for _, want := range test.names {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not name %q", err, want)
				}
			}
		})
	}
}

func TestMatchTablesRefusesTheSameTableTwice(t *testing.T) {
	target := testTarget()
	cat := catalogue{target.name.fold(): {target}}
	other := testConfig()
	other.Source = "elsewhere.tenancy"
	for name, tables := range map[string][]Table{"source": {testConfig(), testConfig()}, "target": {testConfig(), other}} {
		if _, wrong := matchTables(tables, cat); len(wrong) != 1 {
			t.Errorf("same %s twice: %v, want one error", name, wrong)
		}
	}
}

func TestPlanIsMadeAgainForANewShape(t *testing.T) {
	target := testTarget()
	m, err := match(testConfig(), catalogue{target.name.fold(): {target}})
	if err != nil {
		t.Fatal(err)
	}
	plan := func(source *capture.Table) *plan {
		t.Helper()
		p, err := m.planFor(source, planOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	first := plan(testSource(capture.IdentityFull))
	if again := plan(testSource(capture.IdentityFull)); again != first {
		t.Error("the same shape, from another transaction, made another plan")
	}
	if other := plan(testSource(capture.IdentityDefault)); other == first {
		t.Error("another shape got the plan of the first")
	}
}
