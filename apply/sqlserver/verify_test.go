package sqlserver

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
)

// rowsOf is a Source in memory. A row's version is how often it was put.
type rowsOf struct {
	rows  []capture.Row
	times map[string]int
	scans int
}

func sourceOf(rows ...capture.Row) *rowsOf {
	return &rowsOf{rows: slices.Clone(rows), times: map[string]int{}}
}

func (s *rowsOf) Scan(_ context.Context, _ *capture.Table, each func(capture.Row) error) error {
	s.scans++
	for _, r := range slices.Clone(s.rows) {
		if err := each(slices.Clone(r)); err != nil {
			return err
		}
	}
	return nil
}

func (s *rowsOf) Find(_ context.Context, t *capture.Table, keys []capture.Row, each func(int, capture.Row, string) error) error {
	for i, k := range keys {
		for _, r := range s.rows {
			if keyText(t, r) != keyText(t, k) {
				continue
			}
			if err := each(i, slices.Clone(r), fmt.Sprint(s.times[keyText(t, r)])); err != nil {
				return err
			}
		}
	}
	return nil
}

// put changes a row, or adds it.
func (s *rowsOf) put(t *capture.Table, r capture.Row) {
	s.remove(t, r)
	s.rows = append(s.rows, r)
}

func (s *rowsOf) remove(t *capture.Table, r capture.Row) {
	s.times[keyText(t, r)]++
	s.rows = slices.DeleteFunc(s.rows, func(o capture.Row) bool { return keyText(t, o) == keyText(t, r) })
}

func keyText(t *capture.Table, r capture.Row) string {
	var b strings.Builder
	for i, c := range t.Columns {
		if c.Key {
			text, ok := r[i].Text()
			fmt.Fprintf(&b, "%q %t ", text, ok)
		}
	}
	return b.String()
}

// found is what a comparison tells, a line each, in order.
type found []string

func (f *found) add(d Difference) error {
	line := string(d.Kind) + " " + strings.Join(d.Key.Texts(), "|")
	if d.Key.Names() == nil {
		line = fmt.Sprintf("%s, %d rows", d.Kind, d.Count)
	}
	if len(d.Columns) > 0 {
		line += " in " + strings.Join(d.Columns, ", ")
	}
	if d.Mended {
		line += ", mended"
	}
	if d.Left != "" {
		line += ", left: " + d.Left
	}
	*f = append(*f, line)
	slices.Sort(*f)
	return nil
}

func (d *database) verify(a *Applier, s Source, t *capture.Table, cfg VerifyConfig) (Verdict, found) {
	d.Helper()
	var f found
	cfg.Report = f.add
	v, err := a.Verify(d.Context(), s, t, cfg)
	if err != nil {
		d.Fatal(err)
	}
	return v, f
}

// differs expects a comparison to tell these lines.
func (d *database) differs(a *Applier, s Source, t *capture.Table, want ...string) Verdict {
	d.Helper()
	v, got := d.verify(a, s, t, VerifyConfig{})
	d.told(v, got, want)
	return v
}

func (d *database) told(v Verdict, got, want found) {
	d.Helper()
	slices.Sort(want)
	if !slices.Equal(got, want) {
		d.Errorf("it tells\n\t%s\nnot\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if v.Same() != (len(got) == 0 && v.Unsettled == 0) && v.Mended == 0 {
		d.Errorf("the verdict is %+v", v)
	}
}

// pending makes what waits for the target.
func pending(changes ...capture.Change) Pending {
	return func(context.Context) iter.Seq2[capture.Change, error] { return capturetest.Changes(changes...) }
}

// repairs expects a repair to tell these lines.
func (d *database) repairs(a *Applier, s Source, t *capture.Table, waits Pending, want ...string) Verdict {
	d.Helper()
	var f found
	v, err := a.Repair(d.Context(), s, t, waits, VerifyConfig{Report: f.add})
	if err != nil {
		d.Fatal(err)
	}
	d.told(v, f, want)
	return v
}

func TestVerifyInTheTargetsTerms(t *testing.T) {
	d := newDatabase(t, tenancies)
	m := tenancyMapping()
	m.Columns["balance"] = Column{To: "cur_bal", Lossy: Lossy{Round: true}}
	m.Columns["ended"] = Column{To: "eot", NullAs: sentinel("1900-01-01"), Lossy: Lossy{Truncate: true}}
	a := d.open(m)
	ten := tenancy()
	d.do(a, 1,
		insert(ten, "000023/01", "Zoë", "12.5", "-"),
		insert(ten, "000023/02", "-", "0.004", "2024-02-29 10:30:59"),
		insert(ten, "000023/03", "O'Brien", "-", "2024-02-29 10:30:00"))
	v := d.differs(a, sourceOf(
		row("000023/01  ", "Zoë", "12.50", "1900-01-01 00:00:00"),
		row("000023/02", "-", "-0.003", "2024-02-29 10:30:01"),
		row("000023/03", "O'Brien", "-", "2024-02-29 10:30:00")), ten)
	if v.Table != "dbo.tenagree" || v.SourceRows != 3 || v.TargetRows != 3 || v.Equal != 3 {
		t.Errorf("the verdict is %+v", v)
	}
	d.differs(a, sourceOf(
		row("000023/01", "zoë", "12.51", "-"), // case is a difference, also where the collation does not see it
		row("000023/02", "", "0", "2024-02-29 10:31:00"),
		row("000023/04", "new", "-", "-")), ten,
		"different 000023/01 in surname, cur_bal", "different 000023/02 in surname, eot",
		"extra 000023/03", "missing 000023/04")
}

func TestVerifyLeavesOutWhatIsNotWritten(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.owned (id int NOT NULL PRIMARY KEY, v int NULL, bal int NULL, kept int NULL, origin char(5) NULL, twice AS (v * 2), ts rowversion)`,
		`INSERT INTO dbo.owned (id, v, bal, kept, origin) VALUES (1, 1, 99, 98, 'other')`)
	a := d.open(Table{
		Source: "owned", Target: "owned", Exclude: []string{"kept"}, Fixed: map[string]string{"origin": "CLOUD"},
		Columns: map[string]Column{"bal": {OwnerTarget: true}},
	})
	owned := sourceTable("owned", "*id int4", "v int4", "bal int4", "kept int4")
	d.differs(a, sourceOf(row("1", "1", "7", "8")), owned)
	d.repairs(a, sourceOf(row("1", "2", "7", "8")), owned, pending(), "different 1 in v, mended")
	d.holds(`SELECT id, v, bal, kept, origin FROM dbo.owned`, "1|2|99|98|other")
}

// The target takes keys for equal that are not, to the letter.
func TestVerifyKeysThatTheTargetTakesForEqual(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.person (ref varchar(20) COLLATE SQL_Latin1_General_CP1_CI_AS NOT NULL, n int NOT NULL, v int NULL, CONSTRAINT pk_person PRIMARY KEY (ref, n))`,
		`INSERT INTO dbo.person (ref, n, v) VALUES ('smith', 1, 1), ('jones ', 1, 1), ('Émile', 1, 1), ('brown', 1, 1), ('brown', 2, 1)`)
	a := d.open(Table{Source: "person", Target: "person"})
	person := sourceTable("person", "*ref text", "*n int4", "v int4")
	s := sourceOf(row("SMITH", "1", "1"), row("jones", "1", "1"), row("Émile", "1", "2"), row("brown", "1", "1"), row("BROWN", "1", "1"), row("Emile", "1", "1"))
	d.differs(a, s, person,
		"different SMITH|1 in ref", "different jones|1 in ref", "different Émile|1 in v", "extra brown|2",
		"missing BROWN|1", "missing Emile|1")
	v := d.repairs(a, s, person, pending(),
		"different SMITH|1 in ref, mended", "different jones|1 in ref, mended", "different Émile|1 in v, mended", "extra brown|2, mended",
		"missing BROWN|1, left: insert in dbo.person at 0/0: SQL Server error 2627: a unique or primary key already holds that key (pk_person)",
		"missing Emile|1, mended")
	if v.Same() {
		t.Error("a row that was left is no difference")
	}
	d.differs(a, s, person, "missing BROWN|1")
	d.holds(`SELECT COUNT(*) FROM dbo.person`, "5")
}

// Pages end where the target's order says, which is not that of bytes.
func TestVerifyReadsPagesInTheTargetsOrder(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.paged (ref varchar(20) COLLATE SQL_Latin1_General_CP1_CI_AS NOT NULL, u uniqueidentifier NOT NULL, at datetime NOT NULL, v int NULL, PRIMARY KEY (ref, u, at))`,
		`CREATE TABLE dbo.numbered (sid int NOT NULL UNIQUE, v numeric(9,2) NULL, w float NULL)`)
	a := d.open(Table{Source: "paged", Target: "paged"}, Table{Source: "numbered", Target: "numbered", Exclude: []string{"sid"}})
	paged := sourceTable("paged", "*ref text", "*u uuid", "*at timestamp", "v int4")
	var changes []capture.Change
	var rows []capture.Row
	for i := range 2500 {
		ref := []string{"a", "B", "É", "z ", "_-", "ss"}[i%6]
		r := row(ref, fmt.Sprintf("%08x-0000-4000-8000-%012x", 2500-i, i%7), fmt.Sprintf("2024-01-01 10:00:%02d.003", i%60), fmt.Sprint(i))
		rows = append(rows, r)
		changes = append(changes, capture.Change{Op: capture.Insert, Table: paged, After: r})
	}
	for _, batch := range batches(changes, 500) {
		if err := a.Apply(t.Context(), []*capture.Tx{batch}); err != nil {
			t.Fatal(err)
		}
	}
	if v := d.differs(a, sourceOf(rows...), paged); v.Equal != 2500 || v.TargetRows != 2500 {
		t.Errorf("the verdict is %+v", v)
	}
	d.exec(`DELETE FROM dbo.paged WHERE v = 1234`)
	d.exec(`UPDATE dbo.paged SET v = NULL WHERE v = 77`)
	if _, f := d.verify(a, sourceOf(rows...), paged, VerifyConfig{Memory: 1 << 10, Dir: t.TempDir()}); len(f) != 2 || !strings.HasSuffix(f[0], " in v") || !strings.HasPrefix(f[1], "missing ") {
		t.Errorf("it tells %q", f)
	}
}

func TestVerifyNamesWhatDoesNotFit(t *testing.T) {
	d := newDatabase(t, tenancies, `INSERT INTO dbo.tenagree (tag_ref, surname, eot) VALUES ('1', 'Ann', '1900-01-01')`)
	a := d.open(tenancyMapping())
	s := sourceOf(row("1", "Şahin-secret", "-", "-"), row("much too long a key", "-", "-", "-"))
	const why = "column surname: it has characters outside code page 1252; the rule transliterate replaces them by their nearest"
	d.differs(a, s, tenancy(), "different 1 in surname, left: "+why,
		"missing much too long a key, left: column tag_ref: it is longer than char(11); the rule truncate cuts it")
	d.repairs(a, s, tenancy(), pending(), "different 1 in surname, left: "+why,
		"missing much too long a key, left: column tag_ref: it is longer than char(11); the rule truncate cuts it")
	d.holds(`SELECT tag_ref, surname FROM dbo.tenagree`, "1          |Ann")
}

func TestVerifyTellsKeysToWhoAsksAlone(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	var told string
	if _, err := a.Verify(t.Context(), sourceOf(row("secret", "-", "-", "-")), tenancy(), VerifyConfig{Report: func(d Difference) error {
		told = fmt.Sprintf("%v %+v %#v %s", d, d, d, d.Key)
		return nil
	}}); err != nil || told == "" || strings.Contains(told, "secret") {
		t.Errorf("%v, it prints as %s", err, told)
	}
}

func TestVerifyWithoutKey(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.note (v varchar(20) NULL, n int NULL)`,
		`INSERT INTO dbo.note (v, n) VALUES ('a', 1), ('a', 1), ('a', 1), ('b', NULL), (NULL, NULL), ('B', 2)`)
	a := d.open(Table{Source: "note", Target: "note"})
	note := sourceTable("note", "v text", "n int4")
	d.differs(a, sourceOf(row("a", "1"), row("a", "1"), row("a", "1"), row("b", "-"), row("-", "-"), row("B", "2")), note)
	s := sourceOf(row("a", "1"), row("b", "-"), row("b", "-"), row("-", "-"), row("b", "2"))
	v := d.differs(a, s, note, "missing, 2 rows", "extra, 3 rows")
	if v.Equal != 3 {
		t.Errorf("the verdict is %+v", v)
	}
	d.repairs(a, s, note, pending(insert(note, "x", "9")), "missing, 2 rows, left: changes of the table wait for the target, and it has no key; apply what is queued, then repair",
		"extra, 3 rows, left: changes of the table wait for the target, and it has no key; apply what is queued, then repair")
	d.repairs(a, s, note, pending(), "missing, 2 rows, mended", "extra, 3 rows, mended")
	d.holds(`SELECT v, n FROM dbo.note ORDER BY n, v COLLATE Latin1_General_BIN2`, "NULL|NULL", "b|NULL", "b|NULL", "a|1", "b|2")
	d.differs(a, s, note)
}

func TestVerifyByAKeyThatIsNotTheSources(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.loose (ref char(4) NOT NULL, v int NULL)`,
		`INSERT INTO dbo.loose (ref, v) VALUES ('a', 1), ('b', 1), ('b', 2), ('c', 1), ('c', 1), ('d', 1)`)
	a := d.open(Table{Source: "loose", Target: "loose", Key: []string{"ref"}})
	loose := sourceTable("loose", "ref text", "v int4")
	s := sourceOf(row("a", "2"), row("b", "2"), row("b", "1"), row("c", "2"), row("c", "2"), row("e", "1"))
	d.differs(a, s, loose, "different a in v", "different c, left: its key does not tell rows apart", "extra d", "missing e")
	d.repairs(a, s, loose, pending(), "different a in v, mended", "different c, left: its key does not tell rows apart", "extra d, mended", "missing e, mended")
	d.holds(`SELECT ref, v FROM dbo.loose ORDER BY ref, v`, "a   |2", "b   |1", "b   |2", "c   |1", "c   |1", "e   |1")
}
