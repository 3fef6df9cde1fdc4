package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

const tenancies = `CREATE TABLE dbo.tenagree (
tag_ref char(11) NOT NULL PRIMARY KEY,
surname varchar(30) NULL,
cur_bal numeric(9,2) NULL,
eot smalldatetime NOT NULL DEFAULT '',
twice AS (cur_bal * 2),
tstamp rowversion)`

func tenancy() *capture.Table {
	return sourceTable("tenancy", "*tenancy_ref text", "surname text", "balance numeric", "ended timestamp")
}

func tenancyMapping() Table {
	return Table{Source: "tenancy", Target: "tenagree", Columns: map[string]Column{
		"tenancy_ref": {To: "tag_ref"}, "balance": {To: "cur_bal"}, "ended": {To: "eot", NullAs: sentinel("1900-01-01")},
	}}
}

const readTenancies = `SELECT tag_ref, surname, cur_bal, CONVERT(varchar(16), eot, 120) FROM dbo.tenagree ORDER BY tag_ref`

func TestInsertUpdateDelete(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	ten := tenancy()
	d.do(a, 1, insert(ten, "000023/01", "O'Brien", "12.5", "-"), insert(ten, "000023/02", "Zoë", "-", "2024-02-29 10:30:00"))
	d.holds(readTenancies, "000023/01  |O'Brien|12.50|1900-01-01 00:00", "000023/02  |Zoë|NULL|2024-02-29 10:30")
	d.do(a, 2,
		update(ten, row("000023/01", "O'Brien", "12.5", "-"), row("000023/01", "-", "12.5", "2024-01-01 00:00:00")),
		update(ten, row("000023/02", "Zoë", "-", "2024-02-29 10:30:00"), row("000099/01", "Zoë", "7", "-")))
	d.holds(readTenancies, "000023/01  |NULL|12.50|2024-01-01 00:00", "000099/01  |Zoë|7.00|1900-01-01 00:00")
	d.do(a, 3, remove(ten, "000023/01", "-", "12.5", "2024-01-01 00:00:00"))
	d.holds(readTenancies, "000099/01  |Zoë|7.00|1900-01-01 00:00")
	d.holds(`SELECT [pipeline], [source], [position], [paused] FROM syncback.[checkpoint]`, "test|test|3|false")
}

// writes counts, for each column, the statements that had it in SET, and the
// rows that were touched at all.
var writes = []string{
	`CREATE TABLE dbo.writes (what varchar(30) NOT NULL, n int NOT NULL)`,
	`CREATE TRIGGER dbo.tr_tenagree ON dbo.tenagree AFTER UPDATE AS BEGIN
SET NOCOUNT ON
IF UPDATE(tag_ref) INSERT INTO dbo.writes (what, n) VALUES ('tag_ref', 1)
IF UPDATE(surname) INSERT INTO dbo.writes (what, n) VALUES ('surname', 1)
IF UPDATE(cur_bal) INSERT INTO dbo.writes (what, n) VALUES ('cur_bal', 1)
IF UPDATE(eot) INSERT INTO dbo.writes (what, n) VALUES ('eot', 1)
INSERT INTO dbo.writes (what, n) SELECT 'rows', COUNT(*) FROM inserted
END`,
}

func TestOnlyWhatChangedInTheTargetsTermsIsWritten(t *testing.T) {
	d := newDatabase(t, append([]string{tenancies}, writes...)...)
	a := d.open(tenancyMapping())
	ten := tenancy()
	d.do(a, 1, insert(ten, "1", "Ann", "12.5", "-"))
	before := d.rows(`SELECT tstamp FROM dbo.tenagree`)
	d.do(a, 2,
		update(ten, row("1", "Ann", "12.5", "-"), row("1", "Ann", "12.5", "-")),
		update(ten, row("1", "Ann", "12.5", "-"), row("1  ", "Ann", "12.50", "1900-01-01 00:00:00")))
	d.holds(`SELECT what, n FROM dbo.writes`)
	if after := d.rows(`SELECT tstamp FROM dbo.tenagree`); after[0] != before[0] {
		t.Error("an update that changes nothing moved the rowversion")
	}
	d.do(a, 3, update(ten, row("1", "Ann", "12.5", "-"), row("1", "ann", "12.5", "-")))
	d.holds(`SELECT what, SUM(n) FROM dbo.writes GROUP BY what ORDER BY what`, "rows|1", "surname|1")
}

// TestTriggersDoNotDistortWhatIsCounted has triggers that add their row counts to
// those of the statements, while the session's NOCOUNT keeps all of them back.
func TestTriggersDoNotDistortWhatIsCounted(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.person (id int NOT NULL PRIMARY KEY, name varchar(20) NULL)`,
		`CREATE TABLE dbo.history (id int IDENTITY(1,1) NOT NULL, person int NOT NULL)`,
		`CREATE TRIGGER dbo.tr_person ON dbo.person AFTER INSERT, UPDATE, DELETE AS BEGIN
INSERT INTO dbo.history (person) SELECT id FROM inserted
INSERT INTO dbo.history (person) SELECT id FROM inserted
INSERT INTO dbo.history (person) SELECT id FROM deleted WHERE 1 = 0
END`)
	a := d.open(Table{Source: "person", Target: "person"})
	person := sourceTable("person", "*id int4", "name text")
	d.do(a, 1, insert(person, "1", "Ann"), insert(person, "2", "Bob"),
		update(person, row("1", "Ann"), row("1", "Eve")), remove(person, "2", "Bob"))
	d.holds(`SELECT id, name FROM dbo.person`, "1|Eve")
	d.holds(`SELECT COUNT(*) FROM dbo.history`, "6")
}

func TestExactlyOneRowMustMatch(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.loose (id int NOT NULL, v int NULL)`,
		`INSERT INTO dbo.loose (id, v) VALUES (1, 1), (1, 1), (3, 3)`)
	a := d.open(Table{Source: "loose", Target: "loose"})
	loose := sourceTable("loose", "*id int4", "v int4")
	for _, test := range []struct {
		change  capture.Change
		matched int64
	}{
		{update(loose, row("2", "1"), row("2", "5")), 0},
		{remove(loose, "2", "1"), 0},
		{update(loose, row("1", "1"), row("1", "5")), 2},
		{remove(loose, "1", "1"), 2},
	} {
		err := d.refuses(a, 1, test.change, "dbo.loose", "0/1", test.change.Op.String())
		var mismatch *apply.MismatchError
		if !errors.As(err, &mismatch) || mismatch.Matched != test.matched {
			t.Errorf("%s: %v, want %d rows matched", test.change.Op, err, test.matched)
		}
	}
	d.holds(`SELECT id, v FROM dbo.loose ORDER BY id, v`, "1|1", "1|1", "3|3")
}

func TestNothingAfterAMismatchIsWritten(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.pair (id int NOT NULL PRIMARY KEY, v int NULL)`)
	a := d.open(Table{Source: "pair", Target: "pair"})
	pair := sourceTable("pair", "*id int4", "v int4")
	err := a.Apply(t.Context(), []*capture.Tx{
		tx(1, insert(pair, "1", "1")),
		tx(2, insert(pair, "2", "2"), remove(pair, "9", "9"), insert(pair, "3", "3")),
	})
	var mismatch *apply.MismatchError
	if !errors.As(err, &mismatch) || mismatch.Position != 2 {
		t.Fatalf("got %v, want a mismatch in transaction 2", err)
	}
	d.holds(`SELECT id FROM dbo.pair`)
	if got := d.checkpoint(a); got != 0 {
		t.Errorf("the checkpoint is at %s", got)
	}
}

func TestValueThatDoesNotFitIsNamedAndNotQuoted(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	ten := tenancy()
	for column, change := range map[string]capture.Change{
		"tag_ref": insert(ten, "SECRET key that is too long", "x", "1", "-"),
		"surname": insert(ten, "1", "SECRET Şahin", "1", "-"),
		"cur_bal": insert(ten, "1", "x", "98765432100.5", "-"),
		"eot":     insert(ten, "1", "x", "1", "2024-01-01 10:00:31"),
	} {
		err := d.refuses(a, 1, change, "dbo.tenagree", column, "0/1")
		var value *apply.ValueError
		if !errors.As(err, &value) {
			t.Errorf("%s: %v is not a ValueError", column, err)
		}
		for _, secret := range []string{"SECRET", "98765", ":31"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %q quotes the value", column, err)
			}
		}
	}
}

func TestTableWithoutAKeyIsMatchedByItsWholeOldImage(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.notes (who varchar(20) NULL, at datetime NULL, weight float NULL, body text NULL, seen bit NULL, tstamp rowversion)`)
	a := d.open(Table{Source: "notes", Target: "notes", Exclude: []string{"tstamp"}})
	notes := sourceTable("notes", "who text", "at timestamp", "weight float8", "body text", "seen bool")
	twin := []string{"ann", "2024-01-01 10:00:00.003", "0.1", "long text", "t"}
	empty := []string{"-", "-", "-", "-", "-"}
	d.do(a, 1, insert(notes, twin...), insert(notes, twin...), insert(notes, empty...), insert(notes, "ANN", "-", "-", "Long Text", "f"))
	const read = `SELECT who, body, seen FROM dbo.notes ORDER BY seen, weight, CAST(body AS varchar(100))`
	d.do(a, 2,
		update(notes, row(twin...), row("ann", "2024-01-01 10:00:00.003", "0.1", "short", "t")),
		remove(notes, empty...))
	d.holds(read, "ANN|Long Text|false", "ann|long text|true", "ann|short|true")
	d.refuses(a, 3, remove(notes, "ann", "-", "-", "Long Text", "f"), "dbo.notes")
	d.refuses(a, 3, remove(notes, "ANN", "-", "-", "long text", "f"), "dbo.notes")
	d.do(a, 3, remove(notes, "ANN", "-", "-", "Long Text", "f"))
	d.holds(read, "ann|long text|true", "ann|short|true")
}

func TestKeyOnlySourceIsComparedWithTheTargetsRow(t *testing.T) {
	d := newDatabase(t, append([]string{tenancies}, writes...)...)
	a := d.open(tenancyMapping())
	ten := tenancy()
	ten.Identity = capture.IdentityDefault
	d.do(a, 1, insert(ten, "1", "Ann", "12.5", "-"))
	d.do(a, 2, update(ten, nil, row("1", "Ann", "12.50", "-")))
	d.holds(`SELECT what, n FROM dbo.writes`)
	d.do(a, 3, update(ten, nil, row("1", "Ann", "13", "?")))
	d.holds(`SELECT what, SUM(n) FROM dbo.writes GROUP BY what ORDER BY what`, "cur_bal|1", "rows|1")
	d.do(a, 4, update(ten, row("1", "?", "?", "?"), row("2", "Ann", "13", "-")), update(ten, nil, row("2", "-", "13", "2024-01-01 00:00:00")))
	d.holds(readTenancies, "2          |NULL|13.00|2024-01-01 00:00")
	d.refuses(a, 5, update(ten, nil, row("9", "x", "1", "-")), "dbo.tenagree", "matched 0")
	d.do(a, 5, remove(ten, "2", "?", "?", "?"))
	d.holds(readTenancies)
}

func TestNamesOutsideASCII(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.[Straße] ([日本] int NOT NULL PRIMARY KEY, [Größe m²] varchar(9) NULL, [😀] int NULL)`)
	a := d.open(Table{Source: "s", Target: "straße", Columns: map[string]Column{"id": {To: "日本"}, "size": {To: "größe m²"}, "mood": {To: "😀"}}})
	of := sourceTable("s", "*id int4", "size text", "mood int4")
	of.Identity = capture.IdentityDefault
	d.do(a, 1, insert(of, "1", "a", "2"), update(of, nil, row("1", "b", "2")))
	d.holds(`SELECT [日本] AS a, [Größe m²] AS b, [😀] AS c FROM dbo.[Straße]`, "1|b|2")
}

func TestAbsentColumnsAreNotWritten(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	ten := tenancy()
	d.do(a, 1, insert(ten, "1", "Ann", "12.5", "-"))
	d.do(a, 2, update(ten, row("1", "Ann", "12.5", "-"), row("1", "?", "13", "?")))
	d.holds(readTenancies, "1          |Ann|13.00|1900-01-01 00:00")
}

func TestTruncateIsRefusedUnlessAllowed(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.parent (id int NOT NULL PRIMARY KEY)`,
		`CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, parent int NOT NULL REFERENCES dbo.parent (id))`,
		`INSERT INTO dbo.parent (id) VALUES (1)`, `INSERT INTO dbo.child (id, parent) VALUES (1, 1)`)
	parent, child := sourceTable("parent", "*id int4"), sourceTable("child", "*id int4", "parent int4")
	truncate := func(t *capture.Table) capture.Change { return capture.Change{Op: capture.Truncate, Table: t} }
	a := d.open(Table{Source: "parent", Target: "parent"}, Table{Source: "child", Target: "child", Truncate: true})
	d.refuses(a, 1, truncate(parent), "public.parent", "truncate")
	d.holds(`SELECT id FROM dbo.child`, "1")
	b := d.open(Table{Source: "parent", Target: "parent", Truncate: true}, Table{Source: "child", Target: "child", Truncate: true})
	d.do(b, 1, truncate(parent), truncate(child), insert(parent, "5"))
	d.holds(`SELECT id FROM dbo.child`)
	d.holds(`SELECT id FROM dbo.parent`, "5")
}

func TestIdentityColumnTakesTheSourcesNumber(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.serials (sno int IDENTITY(1,1) NOT NULL PRIMARY KEY, val varchar(10) NULL)`,
		`CREATE TABLE dbo.other (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, val varchar(10) NULL)`)
	a := d.open(Table{Source: "serials", Target: "serials"}, Table{Source: "other", Target: "other", Exclude: []string{"id"}, Key: []string{"val"}})
	serials, other := sourceTable("serials", "*sno int4", "val text"), sourceTable("other", "*id int4", "val text")
	d.do(a, 1, insert(serials, "100", "a"), insert(other, "55", "x"), insert(serials, "50", "b"), insert(other, "56", "y"))
	d.holds(`SELECT sno, val FROM dbo.serials ORDER BY sno`, "50|b", "100|a")
	d.holds(`SELECT id, val FROM dbo.other ORDER BY id`, "1|x", "2|y")
	d.do(a, 2, update(serials, row("50", "b"), row("50", "c")))
	d.refuses(a, 3, update(serials, row("50", "c"), row("51", "c")), "dbo.serials", "sno", "identity")
}

func TestFixedColumnsAreWrittenOnInsert(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.action (id int NOT NULL PRIMARY KEY, code char(3) NOT NULL, made smalldatetime NOT NULL, n int NOT NULL)`)
	a := d.open(Table{Source: "action", Target: "action", Fixed: map[string]string{"code": "GEN", "made": "2001-02-03", "n": "7"}})
	d.do(a, 1, insert(sourceTable("action", "*id int4"), "1"))
	d.holds(`SELECT id, code, CONVERT(varchar(10), made, 126), n FROM dbo.action`, "1|GEN|2001-02-03|7")
}

func TestTableThatIsNotMappedIsRefused(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	d.refuses(a, 1, insert(sourceTable("stranger", "*id int4"), "1"), "public.stranger")
	d.refuses(a, 1, insert(sourceTable("tenancy", "*tenancy_ref text", "surname text", "balance numeric", "ended timestamp", "added text"), "1", "-", "1", "-", "x"), "added")
}

func TestTriggerThatRefusesIsNamed(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.guarded (id int NOT NULL PRIMARY KEY, v int NULL)`,
		`CREATE TRIGGER dbo.tr_guarded ON dbo.guarded AFTER INSERT, UPDATE AS BEGIN
IF EXISTS (SELECT 1 FROM inserted WHERE v = 13) THROW 50123, 'SECRET', 1
END`)
	a := d.open(Table{Source: "guarded", Target: "guarded"})
	guarded := sourceTable("guarded", "*id int4", "v int4")
	err := a.Apply(t.Context(), []*capture.Tx{tx(1, insert(guarded, "1", "1"), insert(guarded, "2", "13"), insert(guarded, "3", "1"))})
	var server *ServerError
	if !errors.As(err, &server) || server.Number != 50123 || server.Table != "dbo.guarded" || capture.Retryable(err) {
		t.Fatalf("got %v, want error 50123 of dbo.guarded", err)
	}
	if strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%q quotes the trigger's message, which may hold values", err)
	}
	d.holds(`SELECT id FROM dbo.guarded`)
	d.do(a, 1, insert(guarded, "1", "1"))
	d.holds(`SELECT id FROM dbo.guarded`, "1")
}

func TestConstraintThatRefusesIsNamed(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.parent (id int NOT NULL CONSTRAINT pk_parent PRIMARY KEY)`,
		`CREATE TABLE dbo.child (id int NOT NULL CONSTRAINT pk_child PRIMARY KEY, parent int NOT NULL CONSTRAINT uq_child UNIQUE CONSTRAINT fk_child REFERENCES dbo.parent (id))`)
	a := d.open(Table{Source: "parent", Target: "parent"}, Table{Source: "child", Target: "child"})
	parent, child := sourceTable("parent", "*id int4"), sourceTable("child", "*id int4", "parent int4")
	d.do(a, 1, insert(parent, "1"), insert(child, "1", "1"))
	for number, change := range map[int32]capture.Change{
		2627: insert(child, "2", "1"),
		547:  insert(child, "2", "9"),
		515:  insert(child, "3", "-"),
	} {
		err := d.refuses(a, 2, change, "dbo.child", fmt.Sprint(number), "0/2")
		var server *ServerError
		if !errors.As(err, &server) || server.Number != number {
			t.Errorf("got %v, want error %d", err, number)
		}
	}
	d.refuses(a, 2, remove(parent, "1"), "547", "fk_child")
}

// TestMoreParametersThanAStatementTakes writes 72,300 values in one transaction of
// the target: a statement takes 2,100, and a VALUES list 1,000 rows.
func TestMoreParametersThanAStatementTakes(t *testing.T) {
	const columns = 240
	var define, names []string
	values := []string{}
	for i := range columns {
		define = append(define, fmt.Sprintf("[c %d] int NULL", i))
		names = append(names, fmt.Sprintf("c %d", i))
		values = append(values, fmt.Sprint(i))
	}
	d := newDatabase(t, `CREATE TABLE dbo.wide (id int NOT NULL PRIMARY KEY, `+strings.Join(define, ", ")+`)`)
	wide := sourceTable("wide", "*id int4")
	for _, n := range names {
		wide.Columns = append(wide.Columns, capture.Column{Name: n, Base: "int4", Modifier: -1})
	}
	a := d.open(Table{Source: "wide", Target: "wide"})
	var changes []capture.Change
	for id := range 300 {
		changes = append(changes, insert(wide, append([]string{fmt.Sprint(id)}, values...)...))
	}
	if err := a.Apply(t.Context(), batches(changes, 100)); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT COUNT(*), SUM([c 239]), MAX([c 0]) FROM dbo.wide`, fmt.Sprintf("300|%d|0", 300*239))
}

func TestSecondApplierOfAPipelineIsRefused(t *testing.T) {
	d := newDatabase(t, tenancies)
	first, second := d.open(tenancyMapping()), d.open(tenancyMapping())
	ten := tenancy()
	d.do(first, 1, insert(ten, "1", "Ann", "1", "-"))
	d.do(second, 2, insert(ten, "2", "Bob", "1", "-"))
	if err := first.Apply(t.Context(), []*capture.Tx{tx(2, insert(ten, "2", "Bob", "1", "-"))}); !errors.Is(err, apply.ErrFenced) {
		t.Errorf("the first goes on after the second: %v", err)
	}
	d.holds(`SELECT COUNT(*) FROM dbo.tenagree`, "2")
}

// TestOneConnectionIsEnough begins, checks, applies, parks, decides and releases where the
// target grants a single connection.
func TestOneConnectionIsEnough(t *testing.T) {
	d := newDatabase(t, keyed)
	d.cfg.MaxConnections = 1
	k := sourceTable("k", "*id int4", "v int4")
	a := d.open(Table{Source: "k", Target: "k", Conflict: resolve.Parked("why")})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := a.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Begin(ctx, capture.Mark{Source: "test", Position: 1}); err != nil {
		t.Fatal(err)
	}
	if findings, err := a.Check(ctx, []*capture.Table{k}); err != nil || len(findings) == 0 {
		t.Fatalf("%v, %v", findings, err)
	}
	for i, c := range []capture.Change{
		update(k, row("1", "10"), row("1", "11")), update(k, row("1", "11"), row("1", "12")), insert(k, "2", "20"),
	} {
		if err := a.Apply(ctx, []*capture.Tx{tx(capture.Position(i+2), c)}); err != nil {
			t.Fatal(err)
		}
	}
	a.retried = time.Time{} // what waits for records is looked at, too
	if err := a.Apply(ctx, []*capture.Tx{tx(5, insert(k, "3", "30"))}); err != nil {
		t.Fatal(err)
	}
	var id int64
	if err := d.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE conflict IS NOT NULL`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if n, err := a.Decide(ctx, id, Decision{Action: resolve.TakeSource, By: "ann"}); err != nil || n != 2 {
		t.Fatalf("%d released: %v", n, err)
	}
	d.holds(`SELECT * FROM dbo.k ORDER BY id`, "1|12", "2|20", "3|30")
}

func TestOtherPipelinesShareTheTarget(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	d.cfg.Pipeline = "another's]"
	b := d.open(tenancyMapping())
	ten := tenancy()
	d.do(a, 5, insert(ten, "1", "Ann", "1", "-"))
	d.do(b, 3, insert(ten, "2", "Bob", "1", "-"))
	d.do(a, 6)
	d.holds(`SELECT [pipeline], [position] FROM syncback.[checkpoint] ORDER BY [pipeline]`, "another's]|3", "test|6")
}

func TestPauseHoldsTheNextTransaction(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	c, err := OpenControl(t.Context(), d.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if err := c.Pause(t.Context(), "ann@desk"); err != nil {
			t.Fatal(err)
		}
	}
	ten := tenancy()
	err = a.Apply(t.Context(), []*capture.Tx{tx(1, insert(ten, "1", "Ann", "1", "-"))})
	if !errors.Is(err, apply.ErrPaused) || !strings.Contains(err.Error(), "ann@desk") {
		t.Fatalf("got %v, want a pause by ann@desk", err)
	}
	cp, err := a.Checkpoint(t.Context())
	if err != nil || !cp.Paused || cp.ChangedBy != "ann@desk" || time.Since(cp.ChangedAt).Abs() > time.Hour {
		t.Errorf("checkpoint = %+v, %v", cp, err)
	}
	if err := c.Resume(t.Context(), "bob@desk"); err != nil {
		t.Fatal(err)
	}
	d.do(a, 1, insert(ten, "1", "Ann", "1", "-"))
}

// TestPauseWaitsForTheOpenTransaction has the pipeline paused while a transaction is
// being applied that is open for longer than a wait for a lock may be.
func TestPauseWaitsForTheOpenTransaction(t *testing.T) {
	d := newDatabase(t, tenancies)
	d.cfg.LockTimeout = 100 * time.Millisecond
	a := d.open(tenancyMapping())
	c, err := OpenControl(t.Context(), d.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	open, err := d.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Exec(`UPDATE syncback.[checkpoint] SET [position] = [position]`); err != nil {
		t.Fatal(err)
	}
	paused := make(chan error)
	go func() { paused <- c.Pause(t.Context(), "ann@desk") }()
	select {
	case err := <-paused:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	if err := open.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-paused; err != nil {
		t.Fatal(err)
	}
	if cp, err := a.Checkpoint(t.Context()); err != nil || !cp.Paused {
		t.Errorf("paused: %t, %v", cp.Paused, err)
	}
	ended, end := context.WithTimeout(t.Context(), time.Nanosecond)
	defer end()
	if err := c.Resume(ended, "ann@desk"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it outlives its context: %v", err)
	}
}

func TestAnotherSourceIsRefused(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	d.do(a, 1)
	stranger := tx(2)
	stranger.Source = "elsewhere"
	if err := a.Apply(t.Context(), []*capture.Tx{stranger}); !errors.Is(err, capture.ErrOtherSource) {
		t.Errorf("got %v", err)
	}
	if err := a.Apply(t.Context(), []*capture.Tx{tx(1)}); err == nil {
		t.Error("a transaction that the target holds was applied again")
	}
}

func TestLockTimeoutIsRetryable(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	ten := tenancy()
	d.do(a, 1, insert(ten, "1", "Ann", "1", "-"))
	user, err := d.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := user.Exec(`UPDATE dbo.tenagree SET surname = 'Eve' WHERE tag_ref = '1'`); err != nil {
		t.Fatal(err)
	}
	change := update(ten, row("1", "Ann", "1", "-"), row("1", "Ann", "2", "-"))
	err = a.Apply(t.Context(), []*capture.Tx{tx(2, change)})
	var server *ServerError
	if !errors.As(err, &server) || server.Number != 1222 || !capture.Retryable(err) {
		t.Errorf("behind a user's lock: %v, want error 1222, retryable", err)
	}
	if err := user.Rollback(); err != nil {
		t.Fatal(err)
	}
	d.do(a, 2, change)
}

func TestEndOfContextRollsBack(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	ten := tenancy()
	ctx, cancel := context.WithCancel(t.Context())
	stopped := tx(1)
	stopped.Changes = func(yield func(capture.Change, error) bool) {
		for i := range 1000 {
			if i == 900 {
				cancel()
			}
			if !yield(insert(ten, fmt.Sprint(i), "Ann", "1", "-"), nil) {
				return
			}
		}
	}
	if err := a.Apply(ctx, []*capture.Tx{stopped}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	d.holds(`SELECT COUNT(*) FROM dbo.tenagree`, "0")
	d.do(a, 1, insert(ten, "1", "Ann", "1", "-"))
}

func TestBrokenSequenceWritesNothing(t *testing.T) {
	d := newDatabase(t, tenancies)
	a := d.open(tenancyMapping())
	ten := tenancy()
	broken := errors.New("broken")
	torn := tx(1)
	torn.Changes = func(yield func(capture.Change, error) bool) {
		if yield(insert(ten, "1", "Ann", "1", "-"), nil) {
			yield(capture.Change{}, broken)
		}
	}
	if err := a.Apply(t.Context(), []*capture.Tx{torn}); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	d.holds(`SELECT COUNT(*) FROM dbo.tenagree`, "0")
}

// TestReadCheckpointChangesNothing: a pipeline that is new has none, and gets no
// row.
func TestReadCheckpointChangesNothing(t *testing.T) {
	d := newDatabase(t, tenancies)
	if cp, err := ReadCheckpoint(t.Context(), d.cfg); err != nil || cp != (apply.Checkpoint{}) {
		t.Errorf("of a new pipeline it reads %+v, %v", cp, err)
	}
	d.holds(`SELECT [pipeline] FROM syncback.[checkpoint]`)
	a := d.open(tenancyMapping())
	d.do(a, 5, insert(tenancy(), "1", "Ann", "1", "-"))
	if cp, err := ReadCheckpoint(t.Context(), d.cfg); err != nil || cp.Position != 5 {
		t.Errorf("it reads %+v, %v", cp, err)
	}
}
