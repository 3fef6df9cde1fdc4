package estate

import (
	"crypto/md5"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// insert is a statement that inserts a row, and vals its effect.
func insert(t *Table, vals values) Statement {
	var names, params []string
	var args []any
	for _, c := range t.On(Cloud) {
		if text, ok := vals[c.Cloud.Name]; ok {
			args = append(args, text)
			names = append(names, c.Cloud.Name)
			typ, _, _ := strings.Cut(c.Cloud.Type, " ")
			params = append(params, fmt.Sprintf("$%d::text::%s", len(args), typ))
		}
	}
	return Statement{fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)",
		t.Cloud, strings.Join(names, ", "), strings.Join(params, ", ")), args}
}

// moves is a new tenancy in a home whose first one ended, with a household, a
// contact and a first payment, all in one transaction.
func (d *officers) moves(n int) Action {
	ref, house := tenancyRef(n, 3), householdRef(n, 3)
	surname := pick(&d.generator, surnames)
	d.contacts++
	rows := []struct {
		table string
		vals  values
	}{
		{"tenancy", values{
			"tenancy_ref": ref, "property_ref": propertyRef(n), "household_ref": house, "tenure": "INT",
			"start_date": day.Format(time.DateOnly), "ended": "false", "rent": "118.40", "service_charge": "0.00", "balance": "0.00",
		}},
		{"household_member", d.person(house, 1, surname)},
		{"household_member", d.person(house, 2, surname)},
		{"contact", d.contactRow(d.contacts, ref)},
		{"rent_transaction", values{
			"batch_no": "2", "line_no": strconv.Itoa(n + 1), "tenancy_ref": ref, "kind": "RPY", "amount": "-118.40",
			"posted_at": fmt.Sprintf("2024-06-03 10:%02d:%02d", n, 29+n%2), "rent_year": "2024", "rent_week": "10", "transaction_id": d.uuid(),
		}},
	}
	a := Action{Title: "someone moves in: tenancy, household, contact, first payment"}
	for _, r := range rows {
		a.Statements = append(a.Statements, insert(d.table(r.table), r.vals))
	}
	a.effect = func(m *Model) {
		for _, r := range rows {
			m.insert(r.table, r.vals)
		}
	}
	return a
}

// notes is a note in a tenancy's action diary: its number is the next one, its
// balance is the tenancy's at that moment.
func (d *officers) notes(n int) Action {
	ref := d.any("tenancy")
	no := 1
	for _, key := range d.where("arrears_action", "tenancy_ref", ref) {
		last, _ := strconv.Atoi(d.table("arrears_action").get(d.find("arrears_action", key), "action_no"))
		no = max(no, last+1)
	}
	vals := d.diaryEntry(ref, no, day.Add(11*time.Hour+time.Duration(n)*time.Minute+time.Duration(d.rng.IntN(1000))*time.Millisecond))
	vals["balance"] = d.table("tenancy").get(d.find("tenancy", ref), "balance")
	return Action{
		Title:      "a note in an action diary",
		Statements: []Statement{insert(d.table("arrears_action"), vals)},
		effect:     func(m *Model) { m.insert("arrears_action", vals) },
	}
}

// rentReview raises 500 rents by 7.7 percent, in one transaction.
func (d *officers) rentReview() Action {
	refs := d.keys("tenancy")
	refs = refs[:min(500, len(refs))]
	return single(fmt.Sprintf("a batch: %d rents go up", len(refs)),
		`UPDATE tenancy SET rent = round(rent * 1.077, 2) WHERE tenancy_ref = ANY (string_to_array($1, ' '))`, []any{strings.Join(refs, " ")},
		func(m *Model) {
			for _, ref := range refs {
				rent := pence(m.table("tenancy").get(m.find("tenancy", ref), "rent"))
				m.update("tenancy", ref, changes{"rent": capture.Text(money((rent*1077 + 500) / 1000))})
			}
		})
}

// debits are the lines that a debit run writes for each current tenancy, in the
// order of their kinds, each with its share of the rent: rent, cleaning,
// caretaking, grounds, heating, and so on.
var debits = []struct {
	kind    string
	percent int
}{
	{"DBR", 70}, {"DCC", 3}, {"DCT", 4}, {"DGM", 2}, {"DHE", 9},
	{"DHW", 5}, {"DLI", 1}, {"DLL", 2}, {"DTV", 1}, {"DWR", 6},
}

// debitRun charges the week to every tenancy that has not ended: one statement,
// tens of thousands of rows, one transaction.
func (d *officers) debitRun() Action {
	sql := `INSERT INTO rent_transaction
		SELECT 3, row_number() OVER w, tenancy_ref, kind, round(rent * percent / 100, 2), '2024-06-03 18:00:30', 2024, 10,
			md5(tenancy_ref || kind)::uuid
		FROM tenancy CROSS JOIN unnest(string_to_array($1, ' '), string_to_array($2, ' ')::integer[]) AS debit (kind, percent)
		WHERE NOT ended
		WINDOW w AS (ORDER BY tenancy_ref COLLATE "C", kind COLLATE "C")`
	var kinds, shares []string
	for _, debit := range debits {
		kinds, shares = append(kinds, debit.kind), append(shares, strconv.Itoa(debit.percent))
	}
	current := len(d.where("tenancy", "ended", "false"))
	return single(fmt.Sprintf("the weekly debit run: %d rows in one transaction", current*len(debits)),
		sql, []any{strings.Join(kinds, " "), strings.Join(shares, " ")}, chargeWeek)
}

// chargeWeek is what a debit run does.
func chargeWeek(m *Model) {
	t := m.table("tenancy")
	n := 0
	for _, ref := range m.where("tenancy", "ended", "false") {
		rent := pence(t.get(m.find("tenancy", ref), "rent"))
		for _, debit := range debits {
			n++
			sum := md5.Sum([]byte(ref + debit.kind))
			m.insert("rent_transaction", values{
				"batch_no": "3", "line_no": strconv.Itoa(n), "tenancy_ref": ref,
				"kind": debit.kind, "amount": money((rent*debit.percent + 50) / 100),
				"posted_at": "2024-06-03 18:00:30", "rent_year": "2024", "rent_week": "10",
				"transaction_id": fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:]),
			})
		}
	}
}
