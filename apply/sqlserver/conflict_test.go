package sqlserver

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// rents is the table that both sides change. Its text is padded and its date has
// a sentinel, so that what only looks different is not taken for a difference.
const rents = `CREATE TABLE dbo.rent (
ref char(6) NOT NULL CONSTRAINT pk_rent PRIMARY KEY,
amount numeric(9,2) NULL CONSTRAINT ck_amount CHECK (amount < 1000),
note varchar(20) NULL,
code char(3) NULL CONSTRAINT uq_code UNIQUE,
ended smalldatetime NOT NULL DEFAULT '')`

func rentTable() *capture.Table {
	return sourceTable("rent", "*ref text", "amount numeric", "note text", "code text", "ended timestamp")
}

func rentMapping(policy resolve.Resolver) Table {
	return Table{Source: "rent", Target: "rent", Conflict: policy, Rule: "the rule",
		Columns: map[string]Column{"ended": {NullAs: sentinel("1900-01-01")}}}
}

const (
	readRents  = `SELECT ref, amount, note, code FROM dbo.rent ORDER BY ref`
	readLedger = `SELECT kind, op, table_name, row_key, base, incoming, current_row, result, rule_name, action FROM syncback.conflict ORDER BY id`
)

// encounters are one change for each kind of conflict about the target's row,
// after the source inserted 1|10.00|old|A and 2|20.00|old|B and the target's own
// users did theirs.
//
// The last is about a record that the target's own users have open.
var encounters = []struct {
	kind   resolve.Kind
	theirs string
	change func(*capture.Table) capture.Change
}{
	{resolve.InsertExists, `INSERT INTO dbo.rent (ref, amount, note, code) VALUES ('3', 31, 'theirs', 'C')`,
		func(t *capture.Table) capture.Change { return insert(t, "3", "30", "ours", "C", "-") }},
	{resolve.UpdateMissing, `DELETE FROM dbo.rent WHERE ref = '2'`,
		func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-"))
		}},
	{resolve.UpdateDiffers, `UPDATE dbo.rent SET amount = 21, note = 'theirs' WHERE ref = '2'`,
		func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "D", "-"))
		}},
	{resolve.DeleteMissing, `DELETE FROM dbo.rent WHERE ref = '2'`,
		func(t *capture.Table) capture.Change { return remove(t, "2", "20.00", "old", "B", "-") }},
	{resolve.DeleteDiffers, `UPDATE dbo.rent SET note = 'Old' WHERE ref = '2'`,
		func(t *capture.Table) capture.Change { return remove(t, "2", "20.00", "old", "B", "-") }},
	{resolve.Locked, opened("2"),
		func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "D", "-"))
		}},
}

// refOf returns the key of a change's row, which is one character.
func refOf(c capture.Change) byte {
	r := c.Before
	if r == nil {
		r = c.After
	}
	text, _ := r[0].Text()
	return text[0]
}

// halts applies one transaction that the conflict stops.
func (d *database) halts(a *Applier, kind resolve.Kind, ruled bool, changes ...capture.Change) {
	d.Helper()
	err := a.Apply(d.Context(), []*capture.Tx{tx(2, changes...)})
	var conflict *resolve.ConflictError
	if !errors.As(err, &conflict) || conflict.Kind != kind || capture.Retryable(err) {
		d.Fatalf("got %v, want it stopped by %s", err, kind)
	}
	if named := conflict.Rule == "the rule"; named != ruled {
		d.Errorf("%q names the rule: %t", err, named)
	}
	for _, value := range []string{"theirs", "ours", "20.00", "22", "too long", "ahin", "5000"} {
		if strings.Contains(err.Error(), value) {
			d.Errorf("%q quotes a value", err)
		}
	}
	if at := d.checkpoint(a); at != 1 {
		d.Errorf("the checkpoint is at %s", at)
	}
}

// ledger expects one row in the ledger.
func (d *database) ledger(kind resolve.Kind, action, result string) {
	d.Helper()
	rows := d.rows(readLedger)
	if len(rows) != 1 {
		d.Fatalf("the ledger has %d rows: %q", len(rows), rows)
	}
	f := strings.Split(rows[0], "|")
	if f[0] != kind.String() || f[2] != "dbo.rent" || f[8] != "the rule" || f[9] != action {
		d.Errorf("the ledger has %q, want %s and %s", rows[0], kind, action)
	}
	if (f[7] == "NULL") != (result == "") {
		d.Errorf("the ledger's result is %s, the row %s", f[7], result)
	}
	if result != "" {
		r := strings.Split(result, "|")
		for i, column := range []string{"ref", "amount", "note", "code"} {
			if want := fmt.Sprintf(`"%s":"%s"`, column, strings.TrimRight(r[i], " ")); !strings.Contains(f[7], want) {
				d.Errorf("the ledger's result is %s, without %s", f[7], want)
			}
		}
	}
}

// refusedChanges are one change for each kind of what the target refuses.
var refusedChanges = []struct {
	kind   resolve.Kind
	change func(*capture.Table) capture.Change
	target string // the row when the target wins
	merged string // and when note becomes "mended", code "M" and amount 1
}{
	{resolve.Unique, func(t *capture.Table) capture.Change { return insert(t, "2", "20", "old", "A", "-") }, "", "2     |1.00|mended|M  "},
	{resolve.Check, func(t *capture.Table) capture.Change { return insert(t, "2", "2000", "old", "B", "-") }, "", "2     |1.00|mended|M  "},
	{resolve.Check, func(t *capture.Table) capture.Change {
		return update(t, row("1", "10.00", "old", "A", "-"), row("1", "5000", "old", "A", "-"))
	}, "1     |10.00|old|A  ", "1     |1.00|mended|M  "},
	{resolve.TooLong, func(t *capture.Table) capture.Change {
		return insert(t, "2", "20", "a note that is too long for it", "B", "-")
	}, "", "2     |1.00|mended|M  "},
	{resolve.NotEncodable, func(t *capture.Table) capture.Change { return insert(t, "2", "20", "Şahin", "B", "-") }, "", "2     |1.00|mended|M  "},
	{resolve.OutOfRange, func(t *capture.Table) capture.Change {
		return update(t, row("1", "10.00", "old", "A", "-"), row("1", "5000000000", "old", "A", "-"))
	}, "1     |10.00|old|A  ", "1     |1.00|mended|M  "},
	{resolve.TriggerFailed, func(t *capture.Table) capture.Change { return insert(t, "2", "13", "old", "B", "-") }, "", "2     |1.00|mended|M  "},
	{resolve.ForeignKey, func(t *capture.Table) capture.Change { return remove(t, "1", "10.00", "old", "A", "-") }, "1     |10.00|old|A  ", ""},
}

// TestRefusalsAreDecidedByTheRule: what the target refuses is asked about, and
// the rest of the transaction is written all the same.
func TestRefusalsAreDecidedByTheRule(t *testing.T) {
	constant := func(v string) resolve.ColumnRule {
		return func(resolve.ColumnValues) (capture.Value, bool) { return capture.Text(v), true }
	}
	mend := resolve.Merge(resolve.Merging{Columns: map[string]resolve.ColumnRule{"note": constant("mended"), "code": constant("M"), "amount": constant("1.00")}})
	for i, e := range refusedChanges {
		for _, p := range []struct {
			name   string
			policy resolve.Resolver
			want   string
			action string
		}{
			{"target-wins", resolve.TargetWins(), e.target, "take_target"},
			{"merge", mend, e.merged, "take_row"},
			{"source-wins", resolve.SourceWins(), "", "halt"}, // it cannot
		} {
			t.Run(fmt.Sprintf("%s/%d/%s", e.kind, i, p.name), func(t *testing.T) {
				t.Parallel()
				d := newDatabase(t, rents,
					`CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, ref char(6) NOT NULL CONSTRAINT fk_child REFERENCES dbo.rent (ref))`,
					`CREATE TRIGGER dbo.tr_rent ON dbo.rent AFTER INSERT AS BEGIN
SET NOCOUNT ON
IF EXISTS (SELECT 1 FROM inserted WHERE amount = 13) THROW 50123, 'unlucky', 1
END`)
				ten := rentTable()
				a := d.open(rentMapping(p.policy))
				d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"))
				d.exec(`INSERT INTO dbo.child (id, ref) VALUES (1, '1')`)
				around := []capture.Change{insert(ten, "0", "0", "before", "X", "-"), e.change(ten), insert(ten, "9", "9", "behind", "Y", "-")}
				if p.action == "halt" || p.action == "take_row" && e.merged == "" {
					d.halts(a, e.kind, true, around...)
					d.holds(readRents, "1     |10.00|old|A  ")
					d.holds(readLedger)
					return
				}
				d.do(a, 2, around...)
				want := []string{"0     |0.00|before|X  "}
				if refOf(e.change(ten)) != '1' {
					want = append(want, "1     |10.00|old|A  ")
				}
				if p.want != "" {
					want = append(want, p.want)
				}
				d.holds(readRents, append(want, "9     |9.00|behind|Y  ")...)
				d.ledger(e.kind, p.action, p.want)
			})
		}
	}
}
