package sqlserver

import (
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// outcomeOf is what one policy makes of one kind of conflict: the target's row
// and the ledger's action. Where the action is halt the policy has no answer, for
// the reason that why gives.
type outcomeOf struct{ row, action, why string }

const (
	missing  = "the row is missing in the target, and has no columns to compare or to merge"
	deletion = "a row that is to be deleted is not merged"
	told     = "it says so"
	nobody   = "there is nobody to ask"
	occupied = "someone has the record open, and nothing is written to it"
)

// policyTable is every policy with every kind of conflict about the target's row
// and with locked, in the order of encounters.
var policyTable = []struct {
	name   string
	policy resolve.Resolver
	cells  [6]outcomeOf // insert_exists, update_missing, update_differs, delete_missing, delete_differs, locked
}{
	{"source-wins", resolve.SourceWins(), [6]outcomeOf{
		{"3     |30.00|ours|C  ", "take_source", ""},
		{"2     |22.00|old|B  ", "take_source", ""},
		{"2     |22.00|theirs|D  ", "take_source", ""},
		{"", "take_source", ""},
		{"", "take_source", ""},
		{"", "halt", occupied},
	}},
	{"target-wins", resolve.TargetWins(), [6]outcomeOf{
		{"3     |31.00|theirs|C  ", "take_target", ""},
		{"", "take_target", ""},
		{"2     |21.00|theirs|B  ", "take_target", ""},
		{"", "take_target", ""},
		{"2     |20.00|Old|B  ", "take_target", ""},
		{"2     |20.00|old|B  ", "take_target", ""},
	}},
	{"merge", resolve.Merge(resolve.Merging{Both: resolve.SourceColumn()}), [6]outcomeOf{
		{"3     |30.00|ours|C  ", "take_row", ""},
		{"", "halt", missing},
		{"2     |22.00|theirs|D  ", "take_row", ""},
		{"", "halt", missing},
		{"", "halt", deletion},
		{"", "halt", occupied},
	}},
	{"halt", resolve.Halted("see to it"), [6]outcomeOf{{"", "halt", told}, {"", "halt", told}, {"", "halt", told}, {"", "halt", told}, {"", "halt", told}, {"", "halt", told}}},
	{"none", nil, [6]outcomeOf{{"", "halt", nobody}, {"", "halt", nobody}, {"", "halt", nobody}, {"", "halt", nobody}, {"", "halt", nobody}, {"", "halt", nobody}}},
	{"newest", resolve.Newest("amount", resolve.TargetSide), [6]outcomeOf{
		{"3     |31.00|theirs|C  ", "take_target", ""},
		{"", "halt", missing},
		{"2     |22.00|theirs|D  ", "take_source", ""},
		{"", "halt", missing},
		{"2     |20.00|Old|B  ", "take_target", ""}, // both have the same, and the target wins a tie
		{"", "halt", occupied},
	}},
	{"version", resolve.Version("amount"), [6]outcomeOf{
		{"3     |31.00|theirs|C  ", "take_target", ""},
		{"", "halt", missing},
		{"2     |22.00|theirs|D  ", "take_source", ""},
		{"", "halt", missing},
		{"", "halt", "both have the same version of rows that differ"},
		{"", "halt", occupied},
	}},
	{"fill-blank", resolve.Merge(resolve.Merging{Both: resolve.FillBlank("theirs")}), [6]outcomeOf{
		{"3     |31.00|ours|C  ", "take_row", ""}, // here "theirs" counts as blank
		{"", "halt", missing},
		{"2     |21.00|theirs|D  ", "take_row", ""},
		{"", "halt", missing},
		{"", "halt", deletion},
		{"", "halt", occupied},
	}},
	{"additive", resolve.Merge(resolve.Merging{Columns: map[string]resolve.ColumnRule{"amount": resolve.Additive()}}), [6]outcomeOf{
		{"", "halt", "an insert has no old row from which to count"},
		{"", "halt", missing},
		{"2     |23.00|theirs|D  ", "take_row", ""},
		{"", "halt", missing},
		{"", "halt", deletion},
		{"", "halt", occupied},
	}},
	{"owner of a column", resolve.Merge(resolve.Merging{Both: resolve.SourceColumn(), Columns: map[string]resolve.ColumnRule{"amount": resolve.TargetColumn()}}), [6]outcomeOf{
		{"3     |31.00|ours|C  ", "take_row", ""},
		{"", "halt", missing},
		{"2     |21.00|theirs|D  ", "take_row", ""},
		{"", "halt", missing},
		{"", "halt", deletion},
		{"", "halt", occupied},
	}},
	{"map", resolve.Merge(resolve.Merging{Both: resolve.SourceColumn(), Columns: map[string]resolve.ColumnRule{"code": resolve.Map(map[string]string{"D": "X"})}}), [6]outcomeOf{
		{"", "halt", "the source's code is not in the table of codes"},
		{"", "halt", missing},
		{"2     |22.00|theirs|X  ", "take_row", ""},
		{"", "halt", missing},
		{"", "halt", deletion},
		{"", "halt", occupied},
	}},
	{"park", resolve.Parked("see to it"), [6]outcomeOf{
		{"3     |31.00|theirs|C  ", "park", ""},
		{"", "park", ""},
		{"2     |21.00|theirs|B  ", "park", ""},
		{"", "park", ""},
		{"2     |20.00|Old|B  ", "park", ""},
		{"2     |20.00|old|B  ", "park", ""},
	}},
	{"first", resolve.First(resolve.Version("amount"), resolve.Parked("see to it")), [6]outcomeOf{
		{"3     |31.00|theirs|C  ", "take_target", ""},
		{"", "park", ""},
		{"2     |22.00|theirs|D  ", "take_source", ""},
		{"", "park", ""},
		{"2     |20.00|Old|B  ", "park", ""},
		{"2     |20.00|old|B  ", "park", ""},
	}},
	{"by kind", resolve.ByKind(map[resolve.Kind]resolve.Resolver{resolve.UpdateMissing: resolve.SourceWins(), resolve.DeleteMissing: resolve.TargetWins()}), [6]outcomeOf{
		{"", "halt", "the kind has no policy"},
		{"2     |22.00|old|B  ", "take_source", ""},
		{"", "halt", "the kind has no policy"},
		{"", "take_target", ""},
		{"", "halt", "the kind has no policy"},
		{"", "halt", "the kind has no policy"},
	}},
}

// TestConflictsAreDecidedByTheRule: each cell of the table has its row, its place
// in the ledger, and is parked or not, and what stands before and behind it in the
// transaction is written all the same. Where the policy has no answer the pipeline
// stops with nothing written.
func TestConflictsAreDecidedByTheRule(t *testing.T) {
	for _, p := range policyTable {
		for i, cell := range p.cells {
			e := encounters[i]
			t.Run(p.name+"/"+e.kind.String(), func(t *testing.T) {
				t.Parallel()
				d := newDatabase(t, rents, resourceLocks)
				ten := rentTable()
				m := rentMapping(p.policy)
				if e.kind == resolve.Locked {
					m.Lock = resourceLock()
				}
				a := d.open(m)
				d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
				d.exec(e.theirs)
				before := d.rows(readRents)
				around := []capture.Change{insert(ten, "0", "0", "before", "X1", "-"), e.change(ten), insert(ten, "9", "9", "behind", "Y", "-")}
				if cell.action == "halt" {
					if cell.why == "" {
						t.Fatal("the table does not say why there is no answer")
					}
					d.halts(a, e.kind, p.policy != nil, around...)
					d.holds(readRents, before...)
					d.holds(readLedger)
					return
				}
				d.do(a, 2, around...)
				if cell.action == "park" { // the whole transaction
					d.holds(readRents, before...)
					d.holds(`SELECT [position], [changes] FROM syncback.parked`, "2|3")
					d.ledger(e.kind, cell.action, cell.row)
					return
				}
				want := []string{"0     |0.00|before|X1 ", "1     |10.00|old|A  "}
				for _, old := range before {
					if old[0] != '1' && old[0] != refOf(e.change(ten)) {
						want = append(want, old)
					}
				}
				if cell.row != "" {
					want = append(want, cell.row)
				}
				d.holds(readRents, append(want, "9     |9.00|behind|Y  ")...)
				d.holds(`SELECT COUNT(*) FROM syncback.parked`, "0")
				d.ledger(e.kind, cell.action, cell.row)
			})
		}
	}
}
