package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// findings are what check says of the tables, of some objects.
func (d *database) findings(of string, tables []Table, source ...*capture.Table) (out []string) {
	d.Helper()
	cfg := d.cfg
	cfg.Tables = tables
	findings, err := Check(d.Context(), cfg, source)
	if err != nil {
		d.Fatal(err)
	}
	for _, f := range findings {
		if strings.HasPrefix(f.Object, of) {
			out = append(out, f.Level.String()+" "+f.Object+": "+f.Problem+". "+f.Advice)
		}
	}
	return out
}

// An index that is disabled promises nothing.
func TestDisabledIndexMakesNoKeyUnique(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.k (id int NOT NULL, v int NULL)`, `CREATE UNIQUE INDEX ux_k ON dbo.k (id)`)
	if ctx, conn := onServer(t); isBabelfish(ctx, t, conn) {
		t.Skip("Babelfish disables no index")
	}
	table := sourceTable("k", "*id int4", "v int4")
	d.exec(`ALTER INDEX ux_k ON dbo.k DISABLE`)
	a := d.open(Table{Source: "k", Target: "k"})
	if got := a.cat.find(name{"dbo", "k"}).uniques; len(got) != 0 {
		t.Errorf("it has the unique indexes %v", got)
	}
	if got := d.findings("dbo.k", []Table{{Source: "k", Target: "k"}}, table); !strings.Contains(strings.Join(got, "\n"), "no unique index stands behind its key") {
		t.Errorf("check says %q", got)
	}
}

// Of an index that leaves rows out without an error check says so.
func TestCheckNamesAnIndexThatIgnoresDuplicates(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.k (id int NOT NULL PRIMARY KEY, v int NULL)`,
		`CREATE UNIQUE INDEX ux_v ON dbo.k (v) WITH (IGNORE_DUP_KEY = ON)`)
	if ctx, conn := onServer(t); isBabelfish(ctx, t, conn) {
		t.Skip("Babelfish has no index that ignores duplicates")
	}
	want := "warning dbo.k, index ux_v: it is made WITH (IGNORE_DUP_KEY = ON), so that an insert whose values another row has is left out without an error, also one of a trigger. have it made again WITH (IGNORE_DUP_KEY = OFF)"
	if got := d.findings("dbo.k, index", []Table{{Source: "k", Target: "k"}}, sourceTable("k", "*id int4", "v int4")); len(got) != 1 || got[0] != want {
		t.Errorf("check says %q", got)
	}
}

// The columns that say when a row was so are the server's own.
func TestPeriodColumnsAreTheServersOwn(t *testing.T) {
	if ctx, conn := onServer(t); isBabelfish(ctx, t, conn) {
		t.Skip("Babelfish has no temporal tables")
	}
	d := newDatabase(t, `CREATE TABLE dbo.k (id int NOT NULL PRIMARY KEY, v int NULL,
since datetime2(7) GENERATED ALWAYS AS ROW START NOT NULL, till datetime2(7) GENERATED ALWAYS AS ROW END NOT NULL, PERIOD FOR SYSTEM_TIME (since, till))`)
	table := sourceTable("k", "*id int4", "v int4", "since timestamp")
	for _, f := range d.findings("dbo.k", []Table{{Source: "k", Target: "k"}}, table) {
		if strings.HasPrefix(f, "error") {
			t.Errorf("check says %q", f)
		}
	}
	a := d.open(Table{Source: "k", Target: "k"})
	d.do(a, 1, insert(table, "1", "1", "2024-02-29 10:30:00"))
	d.do(a, 2, update(table, row("1", "1", "2024-02-29 10:30:00"), row("1", "2", "2024-03-01 10:30:00")))
	d.holds(`SELECT id, v, YEAR(till) FROM dbo.k WHERE YEAR(since) > 2024`, "1|2|9999")
}

func TestHistoryOfATemporalTableIsNotWritten(t *testing.T) {
	target := testTarget()
	target.history = true
	_, wrong := matchTables([]Table{testConfig()}, catalogue{target.name.fold(): {target}})
	if len(wrong) != 1 || wrong[0].Error() != "target table dbo.tenagree is the history of a temporal table, which the server alone writes; map the temporal table" {
		t.Errorf("it says %v", wrong)
	}
}

// Where the target tells names apart by case the one that is written is meant, and
// one that could be several is none.
func TestNamesThatDifferInCaseAloneAreToldApart(t *testing.T) {
	tables := catalogue{}
	for i, n := range []string{"Rent", "RENT", "lone"} {
		n := name{"dbo", n}
		tables[n.fold()] = append(tables[n.fold()], &targetTable{id: int64(i), name: n, columns: []targetColumn{
			{id: 1, name: "id", typ: sqlType{name: "int"}}, {id: 2, name: "Note", typ: sqlType{name: "int"}}, {id: 3, name: "NOTE", typ: sqlType{name: "int"}, nullable: true},
		}})
	}
	for _, test := range []struct {
		config Table
		want   string // the target table and the columns that are written, or the error
	}{
		{Table{Target: "dbo.Rent", Columns: map[string]Column{"note": {To: "Note"}}}, "dbo.Rent id Note"},
		{Table{Target: "dbo.RENT", Columns: map[string]Column{"note": {To: "NOTE"}}, Fixed: map[string]string{"Note": "7"}}, "dbo.RENT id NOTE Note"},
		{Table{Target: "DBO.Lone", Columns: map[string]Column{"note": {To: "Note"}}, Exclude: []string{"NOTE"}}, "dbo.lone id Note"},
		{Table{Target: "rent"}, "target table dbo.rent could be dbo.Rent or dbo.RENT; write it with the case of the one that is meant"},
		{Table{Target: "lone"}, `public.rent has column "note", which could be Note or NOTE of dbo.lone; map it with ` + "`to`, or `skip` it"},
		{Table{Target: "lone", Exclude: []string{"note"}}, `dbo.lone: exclude names column "note", which could be Note or NOTE of the target table; correct the name`},
	} {
		test.config.Source = "rent"
		mappings, wrong := matchTables([]Table{test.config}, tables)
		got := ""
		if m := mappings[name{"public", "rent"}]; m != nil {
			var p *plan
			if p, wrong = newPlan(m, sourceTable("rent", "*id int4", "note int4"), planOptions{}); p != nil {
				got = m.target.name.String()
				for _, c := range p.columns {
					got += " " + c.to.name
				}
				for _, f := range p.fixed {
					got += " " + f.to.name
				}
			}
		}
		if len(wrong) > 0 {
			got = wrong[0].Error()
		}
		if got != test.want {
			t.Errorf("%+v\n\tgives %s\n\tnot   %s", test.config, got, test.want)
		}
	}
}
