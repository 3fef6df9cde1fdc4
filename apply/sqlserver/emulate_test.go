package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// emulatorFunc is an Emulator.
type emulatorFunc func(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error)

func (f emulatorFunc) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	return f(ctx, changes, target)
}

// premises is a target whose triggers do as a housing system's do: an eviction is
// noted in the diary, under the next number, with the balance; a payment moves the
// balance; both have a row in a history, whose numbers an allocator gives.
var premises = []string{
	`CREATE TABLE dbo.tenagree (tag_ref char(11) NOT NULL PRIMARY KEY, cur_bal numeric(9,2) NOT NULL, tstamp rowversion NOT NULL)`,
	`CREATE TABLE dbo.rtrans (ref int NOT NULL PRIMARY KEY, tag_ref char(11) NOT NULL, real_value numeric(9,2) NOT NULL, kind varchar(5) NULL, seen bit NOT NULL DEFAULT 0)`,
	`CREATE TABLE dbo.eviction (tag_ref char(11) NOT NULL PRIMARY KEY, eviction_date smalldatetime NOT NULL)`,
	`CREATE TABLE dbo.araction (tag_ref char(11) NOT NULL, action_no int NOT NULL, action_code char(3) NOT NULL, action_balance numeric(7,2) NULL, note varchar(30) NULL,
CONSTRAINT pk_araction PRIMARY KEY (tag_ref, action_no, action_code))`,
	`CREATE TABLE dbo.serials_dch (sno int IDENTITY(1,1) NOT NULL PRIMARY KEY, dummy char(1) NULL)`,
	`CREATE TABLE dbo.rtransdch (dchid int NOT NULL PRIMARY KEY, ref int NOT NULL, real_value numeric(9,2) NULL)`,
}

var (
	rtransTable   = sourceTable("rtrans", "*ref int4", "tag_ref text", "real_value numeric")
	evictionTable = sourceTable("eviction", "*tag_ref text", "eviction_date timestamp")
)

// further makes a change of a target's table: "ref*=1 tag_ref=a", a * behind the
// key's columns; "-" is null.
func further(op capture.Op, table, fields string) capture.Change {
	c := capture.Change{Op: op, Table: &capture.Table{Schema: "dbo", Name: table}}
	var values capture.Row
	for f := range strings.FieldsSeq(fields) {
		column, value, _ := strings.Cut(f, "=")
		column, key := strings.CutSuffix(column, "*")
		c.Table.Columns = append(c.Table.Columns, capture.Column{Name: column, Modifier: -1, Key: key})
		values = append(values, row(value)[0])
	}
	if op == capture.Delete {
		c.Before = values
	} else {
		c.After = values
	}
	return c
}

// textOf returns a change's value, without the blanks at its end.
func textOf(c capture.Change, r capture.Row, column string) string {
	for i := range c.Table.Columns {
		if c.Table.Columns[i].Name == column && r != nil {
			text, _ := r[i].Text()
			return strings.TrimRight(text, " ")
		}
	}
	return ""
}

// housing does what the triggers of premises do.
func housing(ctx context.Context, changes []capture.Change, target resolve.Target) (made []capture.Change, err error) {
	balances, notes := map[string]float64{}, map[string]int{}
	for _, c := range changes {
		ref := textOf(c, c.After, "tag_ref")
		if c.Op == capture.Delete {
			continue
		}
		if _, ok := balances[ref]; !ok {
			where := []resolve.Argument{{Name: "tag_ref", Value: capture.Text(ref)}}
			tenancy, err := target.Rows(ctx, resolve.Query{Table: "dbo.tenagree", Columns: []string{"cur_bal"}, Where: where})
			if err != nil {
				return nil, err
			}
			if len(tenancy.Rows) != 1 {
				return nil, errors.New("no such tenancy")
			}
			text, _ := tenancy.Rows[0][0].Text()
			balances[ref], _ = strconv.ParseFloat(text, 64)
			diary, err := target.Rows(ctx, resolve.Query{Table: "araction", Columns: []string{"action_no"}, Where: where})
			if err != nil {
				return nil, err
			}
			if n := len(diary.Rows); n > 0 {
				text, _ := diary.Rows[n-1][0].Text()
				notes[ref], _ = strconv.Atoi(text)
			}
		}
		switch c.Table.Name {
		case "rtrans":
			was := balances[ref]
			amount, _ := strconv.ParseFloat(textOf(c, c.After, "real_value"), 64)
			balances[ref] += amount
			moved := further(capture.Update, "tenagree", fmt.Sprintf("tag_ref*=%s cur_bal=%.2f", ref, balances[ref]))
			moved.Before = row(ref, fmt.Sprintf("%.2f", was))
			n, err := target.Next(ctx, "dbo.serials_dch")
			if err != nil {
				return nil, err
			}
			made = append(made, moved, further(capture.Insert, "rtransdch", fmt.Sprintf("dchid=%d ref=%s real_value=%s", n, textOf(c, c.After, "ref"), textOf(c, c.After, "real_value"))))
		case "eviction":
			notes[ref]++
			made = append(made, further(capture.Insert, "araction", fmt.Sprintf("tag_ref=%s action_no=%d action_code=EVD action_balance=%.2f note=-", ref, notes[ref], balances[ref])))
		}
	}
	return made, nil
}

// emulated maps the tables whose triggers are emulated.
func emulated(e resolve.Emulator, policy resolve.Resolver) []Table {
	return []Table{
		{Source: "rtrans", Target: "rtrans", Triggers: EmulateTriggers, Emulator: e, Conflict: policy, Fixed: map[string]string{"kind": "RNT"}},
		{Source: "eviction", Target: "eviction", Triggers: EmulateTriggers, Emulator: e, Conflict: policy},
	}
}

func newPremises(t testing.TB, more ...string) *database {
	d := newDatabase(t, append(append([]string{}, premises...), more...)...)
	d.exec(`INSERT INTO dbo.tenagree (tag_ref, cur_bal) VALUES ('000023/02', -12.50), ('000024/01', 0)`)
	d.exec(`INSERT INTO dbo.araction (tag_ref, action_no, action_code, action_balance) VALUES ('000023/02', 3, 'GEN', -1)`)
	return d
}

const (
	readBalances = `SELECT tag_ref, cur_bal FROM dbo.tenagree ORDER BY tag_ref`
	readDiary    = `SELECT tag_ref, action_no, action_code, action_balance FROM dbo.araction ORDER BY tag_ref, action_no`
)

// TestEmulatedChangesAreWritten: what an Emulator returns is in the same
// transaction as what it was asked about, with numbers that follow on.
func TestEmulatedChangesAreWritten(t *testing.T) {
	d := newPremises(t)
	a := d.open(emulated(emulatorFunc(housing), nil)...)
	d.do(a, 1, insert(rtransTable, "1", "000023/02", "-7.5"), insert(evictionTable, "000023/02", "2024-03-01 00:00:00"),
		insert(rtransTable, "2", "000024/01", "5"), insert(rtransTable, "3", "000024/01", "6"))
	d.holds(readBalances, "000023/02  |-20.00", "000024/01  |11.00")
	d.holds(readDiary, "000023/02  |3|GEN|-1.00", "000023/02  |4|EVD|-20.00")
	d.do(a, 2, update(evictionTable, row("000023/02", "2024-03-01 00:00:00"), row("000023/02", "2024-04-01 00:00:00")))
	d.holds(readDiary, "000023/02  |3|GEN|-1.00", "000023/02  |4|EVD|-20.00", "000023/02  |5|EVD|-20.00")
	d.holds(`SELECT ref, real_value FROM dbo.rtransdch ORDER BY dchid`, "1|-7.50", "2|5.00", "3|6.00")
	if got := d.rows(`SELECT COUNT(DISTINCT dchid) FROM dbo.rtransdch`); got[0] != "3" {
		t.Errorf("%s numbers for 3 rows", got[0])
	}
}

// heard notes what an Emulator is asked.
type heard struct {
	calls [][]capture.Change
	do    emulatorFunc
}

func (e *heard) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	e.calls = append(e.calls, changes)
	if e.do == nil {
		return nil, nil
	}
	return e.do(ctx, changes, target)
}

// texts is what was asked, each change as its operation, table and rows.
func (e *heard) texts() (out []string) {
	for _, call := range e.calls {
		var changes []string
		for _, c := range call {
			text := c.Op.String() + " " + c.Table.String()
			for _, r := range []capture.Row{c.Before, c.After} {
				for i, v := range r {
					switch value, ok := v.Text(); {
					case ok:
						text += " " + c.Table.Columns[i].Name + "=" + value
					case v.IsNull():
						text += " " + c.Table.Columns[i].Name + "=-"
					}
				}
				text += ";"
			}
			changes = append(changes, text)
		}
		out = append(out, strings.Join(changes, "\n"))
	}
	return out
}

// TestEmulatorIsAskedOfWhatWasWritten: in the target's names and values, as the
// target has it since a conflict was decided, and not of what wrote nothing.
func TestEmulatorIsAskedOfWhatWasWritten(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.home (ref char(6) NOT NULL PRIMARY KEY, built smalldatetime NOT NULL DEFAULT '', rooms int NULL, kind varchar(5) NULL)`)
	e := &heard{}
	rule := resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		switch c.Kind {
		case resolve.InsertExists:
			return resolve.Resolution{Action: resolve.TakeSource}, nil
		case resolve.UpdateMissing:
			return resolve.Resolution{Action: resolve.TakeSource}, nil
		default:
			return resolve.Resolution{Action: resolve.TakeTarget}, nil
		}
	})
	a := d.open(Table{Source: "house", Target: "home", Triggers: EmulateTriggers, Emulator: e, Conflict: rule, Fixed: map[string]string{"kind": "new"},
		Columns: map[string]Column{"id": {To: "ref"}, "made": {To: "built", NullAs: sentinel("1900-01-01")}}})
	house := sourceTable("house", "*id text", "made timestamp", "rooms int4")
	d.exec(`INSERT INTO dbo.home (ref, built, rooms, kind) VALUES ('X', '2001-01-01', 9, 'old'), ('Z', '2001-01-01', 9, 'old')`)
	d.do(a, 1,
		insert(house, "A", "-", "3"),
		update(house, row("A", "-", "3"), row("A", "?", "4")),
		update(house, row("A", "-", "4"), row("A ", "-", "4")), // nothing, to the target
		insert(house, "X", "2001-01-01 00:00:00", "7"),         // it exists
		update(house, row("Y", "-", "1"), row("Y", "-", "2")),  // it is missing
		update(house, row("Z", "-", "1"), row("Z", "-", "2")),  // it differs, and stays
		remove(house, "A", "-", "4"))
	want := strings.Join([]string{
		"insert dbo.home;ref=A built=1900-01-01T00:00:00 rooms=3 kind=new;",
		"update dbo.home ref=A built=1900-01-01T00:00:00 rooms=3; ref=A built=1900-01-01T00:00:00 rooms=4;",
		"update dbo.home ref=X built=2001-01-01T00:00:00 rooms=9; ref=X built=2001-01-01T00:00:00 rooms=7;",
		"insert dbo.home; ref=Y built=1900-01-01T00:00:00 rooms=2 kind=new;",
		"delete dbo.home ref=A built=1900-01-01T00:00:00 rooms=4;;",
	}, "\n")
	got := strings.Join(e.texts(), "\n---\n")
	if strings.ReplaceAll(got, "; ", ";") != strings.ReplaceAll(want, "; ", ";") {
		t.Errorf("it was asked\n%s\nand not\n%s", got, want)
	}
	columns := ""
	for _, c := range e.calls[0][0].Table.Columns {
		columns += fmt.Sprintf("%s %s %t;", c.Name, c.Base, c.Key)
	}
	if columns != "ref char(6) true;built smalldatetime false;rooms int false;kind varchar(5) false;" {
		t.Errorf("the columns are %s", columns)
	}
}

// TestEmulatorIsAskedOncePerTransaction, and again after each 500 of many changes,
// cut the same each time.
func TestEmulatorIsAskedOncePerTransaction(t *testing.T) {
	d := newPremises(t)
	e := &heard{}
	a := d.open(emulated(e, nil)...)
	var many []capture.Change
	for i := range 1100 {
		many = append(many, insert(rtransTable, fmt.Sprint(i+10), "000024/01", "1"))
	}
	if err := a.Apply(t.Context(), []*capture.Tx{
		tx(1, insert(rtransTable, "1", "000024/01", "1"), insert(evictionTable, "000024/01", "2024-03-01 00:00:00")),
		tx(2, insert(rtransTable, "2", "000024/01", "1")),
		tx(3, many...),
	}); err != nil {
		t.Fatal(err)
	}
	var sizes []string
	for _, c := range e.calls {
		sizes = append(sizes, fmt.Sprint(len(c)))
	}
	if got := strings.Join(sizes, " "); got != "2 1 500 500 100" {
		t.Errorf("the calls are of %s changes", got)
	}
}

// TestWhatAnEmulatorReturnsIsChecked: it is written to exactly one row, in columns
// that hold it, of tables that exist; otherwise nothing is written at all, and the
// error names what it was.
func TestWhatAnEmulatorReturnsIsChecked(t *testing.T) {
	d := newPremises(t)
	var returned capture.Change
	a := d.open(emulated(emulatorFunc(func(context.Context, []capture.Change, resolve.Target) ([]capture.Change, error) {
		return []capture.Change{further(capture.Insert, "rtransdch", "dchid=1 ref=1"), returned}, nil
	}), nil)...)
	for _, test := range []struct {
		name string
		f    capture.Change
		want string
	}{
		{"no table", capture.Change{Op: capture.Insert}, "it names no table"},
		{"unknown table", further(capture.Insert, "nothing", "a=1"), "there is no table dbo.nothing"},
		{"ours", capture.Change{Op: capture.Delete, Table: &capture.Table{Schema: "SyncBack", Name: "checkpoint", Columns: []capture.Column{{Name: "pipeline", Key: true}}}, Before: row("test")}, "there is no table SyncBack.checkpoint"},
		{"unknown column", further(capture.Insert, "araction", "nothing=1"), `it names column "nothing", which the table lacks`},
		{"a column twice", further(capture.Insert, "araction", "note=1 NOTE=2"), "it names column note twice"},
		{"message", capture.Change{Op: capture.Message, Table: &capture.Table{Schema: "dbo", Name: "araction"}}, "it is neither insert, update nor delete"},
		{"short row", capture.Change{Op: capture.Insert, Table: further(capture.Insert, "araction", "note=1").Table, After: row("1", "2")}, "its rows do not have a value for each of its 1 columns"},
		{"no key", further(capture.Update, "tenagree", "tag_ref=000023/02 cur_bal=1"), "it marks no column as the key"},
		{"no key's value", further(capture.Delete, "tenagree", "tag_ref*=?"), "it has no value for the key column tag_ref"},
		{"too long", further(capture.Insert, "araction", "tag_ref=000023/02-and-more action_no=9 action_code=EVD"), "dbo.araction, column tag_ref"},
		{"out of range", further(capture.Update, "tenagree", "tag_ref*=000023/02 cur_bal=123456789.00"), "dbo.tenagree, column cur_bal"},
		{"finer", further(capture.Update, "tenagree", "tag_ref*=000023/02 cur_bal=1.001"), "dbo.tenagree, column cur_bal"},
		{"the target's own", further(capture.Insert, "tenagree", "tag_ref=000025/01 cur_bal=1 tstamp=0x00"), "tstamp"},
		{"missing row", further(capture.Update, "tenagree", "tag_ref*=999999/99 cur_bal=1"), "dbo.tenagree"},
		{"several rows", further(capture.Delete, "araction", "action_code*=TWO"), "dbo.araction"},
		{"unique", further(capture.Insert, "araction", "tag_ref=000023/02 action_no=3 action_code=GEN"), "dbo.araction"},
		{"not null", further(capture.Insert, "araction", "tag_ref=000023/02 action_no=- action_code=GEN"), "dbo.araction"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &database{TB: t, db: d.db, cfg: d.cfg, server: d.server}
			d.exec(`DELETE FROM dbo.araction WHERE action_code = 'TWO'`)
			d.exec(`INSERT INTO dbo.araction (tag_ref, action_no, action_code) VALUES ('a', 1, 'TWO'), ('b', 1, 'TWO')`)
			before := strings.Join(append(d.rows(readBalances), d.rows(readDiary)...), "\n")
			returned = test.f
			err := d.refuses(a, 1, insert(rtransTable, "77", "000023/02", "-7.51"), test.want, "what the triggers of dbo.rtrans would have done")
			for _, value := range []string{"999999/99", "-7.51", "123456789", "1.001", "and-more"} {
				if strings.Contains(fmt.Sprint(err), value) {
					t.Errorf("%q quotes a value", err)
				}
			}
			if after := strings.Join(append(d.rows(readBalances), d.rows(readDiary)...), "\n"); after != before {
				t.Errorf("the target holds\n%s\nand held\n%s", after, before)
			}
			d.holds(`SELECT COUNT(*) FROM dbo.rtransdch`, "0")
			d.holds(`SELECT COUNT(*) FROM dbo.rtrans`, "0")
		})
	}
}

// TestEmulatorThatFails: a retryable error is the transaction's own; any other is a
// conflict about the one change that it fails at, which the rule decides, and the
// rest of the transaction is written and emulated.
func TestEmulatorThatFails(t *testing.T) {
	refuse := emulatorFunc(func(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
		for _, c := range changes {
			if textOf(c, c.After, "ref") == "13" {
				return nil, errors.New("unlucky: no payment is number 13")
			}
		}
		return housing(ctx, changes, target)
	})
	changes := []capture.Change{
		insert(rtransTable, "12", "000024/01", "1"), insert(rtransTable, "13", "000024/01", "2"), insert(rtransTable, "14", "000024/01", "4"),
	}
	for _, test := range []struct {
		name           string
		policy         resolve.Resolver
		balance, wrote string
		ledger, parked string
	}{
		{"none", nil, "0.00", "", "", ""},
		{"halt", resolve.Halted("see to it"), "0.00", "", "", ""},
		{"target-wins", resolve.TargetWins(), "5.00", "12 14", "trigger_failed|insert|take_target", ""},
		{"park", resolve.Parked("see to it"), "0.00", "", "trigger_failed|insert|park", "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newPremises(t)
			a := d.open(emulated(refuse, test.policy)...)
			err := a.Apply(t.Context(), []*capture.Tx{tx(1, changes...)})
			if stopped := test.policy == nil || test.name == "halt"; stopped != (err != nil) || capture.Retryable(err) {
				t.Fatalf("it ended with %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), "unlucky: no payment is number 13") || !strings.Contains(err.Error(), "dbo.rtrans")) {
				t.Errorf("%q does not say why", err)
			}
			var conflict *resolve.ConflictError
			if test.name == "halt" && (!errors.As(err, &conflict) || conflict.Kind != resolve.TriggerFailed || conflict.Op != capture.Insert) {
				t.Errorf("%v is no conflict about the change", err)
			}
			d.holds(readBalances, "000023/02  |-12.50", "000024/01  |"+test.balance)
			d.holds(`SELECT ref FROM dbo.rtrans ORDER BY ref`, strings.Fields(test.wrote)...)
			d.holds(`SELECT kind, op, action FROM syncback.conflict`, strings.FieldsFunc(test.ledger, func(r rune) bool { return r == ' ' })...)
			d.holds(`SELECT position FROM syncback.parked`, strings.Fields(test.parked)...)
		})
	}
}

// retryable is an error that passes.
type retryable struct{ error }

func (retryable) Retryable() bool { return true }

func TestEmulatorThatHasToWait(t *testing.T) {
	d := newPremises(t)
	wait := true
	a := d.open(emulated(emulatorFunc(func(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
		if wait {
			return nil, fmt.Errorf("not now: %w", retryable{errors.New("the debit run is on")})
		}
		return housing(ctx, changes, target)
	}), resolve.TargetWins())...)
	err := a.Apply(t.Context(), []*capture.Tx{tx(1, insert(rtransTable, "1", "000024/01", "1"))})
	if !capture.Retryable(err) || !strings.Contains(err.Error(), "the debit run is on") || !strings.Contains(err.Error(), "dbo.rtrans") {
		t.Fatalf("it ended with %v", err)
	}
	d.holds(`SELECT COUNT(*) FROM dbo.rtrans`, "0")
	wait = false
	d.do(a, 1, insert(rtransTable, "1", "000024/01", "1"))
	d.holds(readBalances, "000023/02  |-12.50", "000024/01  |1.00")
	d.holds(`SELECT COUNT(*) FROM syncback.conflict`, "0")
}

func TestEmulatorThatPanics(t *testing.T) {
	d := newPremises(t)
	a := d.open(emulated(emulatorFunc(func(context.Context, []capture.Change, resolve.Target) ([]capture.Change, error) {
		panic("the value 000024/01")
	}), nil)...)
	err := d.refuses(a, 1, insert(rtransTable, "1", "000024/01", "1"), "the emulator panicked with a string", "dbo.rtrans")
	if strings.Contains(err.Error(), "000024/01") {
		t.Errorf("%q quotes what was panicked with", err)
	}
}

// TestEmulatorsOfSeveralTables: each is asked of its own tables alone, in order.
func TestEmulatorsOfSeveralTables(t *testing.T) {
	d := newPremises(t)
	one, other := &heard{}, &heard{}
	tables := emulated(one, nil)
	tables[1].Emulator = other
	a := d.open(tables...)
	d.do(a, 1, insert(evictionTable, "a", "2024-03-01 00:00:00"), insert(rtransTable, "1", "a", "1"), insert(evictionTable, "b", "2024-03-01 00:00:00"), insert(rtransTable, "2", "a", "1"))
	if len(one.calls) != 1 || len(one.calls[0]) != 2 || len(other.calls) != 1 || len(other.calls[0]) != 2 {
		t.Errorf("they were asked\n%q\n%q", one.texts(), other.texts())
	}
}

// TestParkedTransactionIsEmulatedWhenItIsReleased, once, and not when it is parked.
func TestParkedTransactionIsEmulatedWhenItIsReleased(t *testing.T) {
	d := newPremises(t)
	tables := emulated(emulatorFunc(housing), resolve.Parked("see to it"))
	a := d.open(tables...)
	d.do(a, 1, insert(rtransTable, "1", "000024/01", "1"))
	d.exec(`UPDATE dbo.rtrans SET real_value = 100 WHERE ref = 1`)
	d.do(a, 2, insert(rtransTable, "2", "000024/01", "10"), update(rtransTable, row("1", "000024/01", "1"), row("1", "000024/01", "3")), insert(evictionTable, "000024/01", "2024-03-01 00:00:00"))
	d.do(a, 3, update(evictionTable, row("000024/01", "2024-03-01 00:00:00"), row("000024/01", "2024-04-01 00:00:00")))
	d.holds(`SELECT position FROM syncback.parked ORDER BY position`, "2", "3")
	d.holds(readDiary, "000023/02  |3|GEN|-1.00")
	d.holds(readBalances, "000023/02  |-12.50", "000024/01  |1.00")
	var id int64
	if err := d.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE position = 2`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	released, err := d.open(tables...).Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"})
	if err != nil || released != 2 {
		t.Fatalf("released %d: %v", released, err)
	}
	d.holds(readDiary, "000023/02  |3|GEN|-1.00", "000024/01  |1|EVD|14.00", "000024/01  |2|EVD|14.00")
	d.holds(readBalances, "000023/02  |-12.50", "000024/01  |14.00")
}
