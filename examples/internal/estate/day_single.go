package estate

import (
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
)

// single is an action of a single statement.
func single(title, sql string, args []any, effect func(m *Model)) Action {
	return Action{Title: title, Statements: []Statement{{sql, args}}, effect: effect}
}

func (d *officers) address() Action {
	ref := d.anyWhere("property", "level", "7")
	address := "Flat 2½, 17 St Anne’s Café Court (“The Elms”)"
	return single("an address is corrected", `UPDATE property SET address = $1 WHERE property_ref = $2`, []any{address, ref},
		func(m *Model) { m.update("property", ref, changes{"address": capture.Text(address)}) })
}

func (d *officers) phone() Action {
	ref := d.any("contact")
	phone := d.phoneNumber()
	return single("a phone number changes, in a table without a key", `UPDATE contact SET phone = $1 WHERE contact_ref = $2::text::integer`, []any{phone, ref},
		func(m *Model) { m.update("contact", ref, changes{"phone": capture.Text(phone)}) })
}

func (d *officers) mobileGiven() Action {
	key := d.anyWhere("household_member", "mobile", "")
	mobile := d.phoneNumber()
	return single("a mobile number is given, where there was none", `UPDATE household_member SET mobile = $1 WHERE household_ref || ' ' || person_no = $2`, []any{mobile, key},
		func(m *Model) { m.update("household_member", key, changes{"mobile": capture.Text(mobile)}) })
}

func (d *officers) mobileWithdrawn() Action {
	t := d.table("household_member")
	key := d.keys("household_member")[0]
	for _, k := range d.keys("household_member") {
		if t.get(d.rows[t][k][0], "mobile") != "" {
			key = k
		}
	}
	return single("another is withdrawn", `UPDATE household_member SET mobile = NULL WHERE household_ref || ' ' || person_no = $1`, []any{key},
		func(m *Model) { m.update("household_member", key, changes{"mobile": capture.Null()}) })
}

func (d *officers) capitals() Action {
	key := d.any("household_member")
	t := d.table("household_member")
	surname := strings.ToUpper(t.get(d.find("household_member", key), "surname"))
	return single("a name is written in capitals, the search name is not", `UPDATE household_member SET surname = $1 WHERE household_ref || ' ' || person_no = $2`, []any{surname, key},
		func(m *Model) { m.update("household_member", key, changes{"surname": capture.Text(surname)}) })
}

// sameMinute corrects a time by less than the legacy system can hold: it has
// nothing to write.
func (d *officers) sameMinute() Action {
	key := d.anyWhere("rent_transaction", "posted_at", "2024-04-01 06:00:07")
	return single("a posting time is corrected by five seconds, within its minute", `UPDATE rent_transaction SET posted_at = posted_at + interval '5 seconds' WHERE concat_ws(' ', batch_no, line_no) = $1`, []any{key},
		func(m *Model) {
			m.update("rent_transaction", key, changes{"posted_at": capture.Text("2024-04-01 06:00:12")})
		})
}

// blankForNull is a change that means nothing to a legacy column that holds a
// blank for both.
func (d *officers) blankForNull() Action {
	t := d.table("household_member")
	i := t.column("ni_number")
	keys := slices.DeleteFunc(d.keys("household_member"), func(k string) bool { return !d.rows[t][k][0].cloud[i].IsNull() })
	key := pick(&d.generator, keys)
	return single("an empty national insurance number is saved where there was none", `UPDATE household_member SET ni_number = '' WHERE household_ref || ' ' || person_no = $1`, []any{key},
		func(m *Model) { m.update("household_member", key, changes{"ni_number": capture.Text("")}) })
}

func (d *officers) ends() Action {
	ref := d.keys("tenancy")[3]
	return single("a tenancy is given its last day", `UPDATE tenancy SET end_date = '2024-06-30', ended = true WHERE tenancy_ref = $1`, []any{ref},
		func(m *Model) {
			m.update("tenancy", ref, changes{"end_date": capture.Text("2024-06-30"), "ended": capture.Text("true")})
		})
}

func (d *officers) endsNot() Action {
	ref := d.keys("tenancy")[3]
	return single("and stays after all: no last day", `UPDATE tenancy SET end_date = NULL, ended = false WHERE tenancy_ref = $1`, []any{ref},
		func(m *Model) {
			m.update("tenancy", ref, changes{"end_date": capture.Null(), "ended": capture.Text("false")})
		})
}

// renumbers changes a key; the foreign keys take the children with it.
func (d *officers) renumbers() Action {
	ref := d.keys("tenancy")[0]
	renumbered := ref[:7] + "09"
	return single("a tenancy is renumbered, its children with it", `UPDATE tenancy SET tenancy_ref = $1 WHERE tenancy_ref = $2`, []any{renumbered, ref},
		func(m *Model) {
			for _, child := range []string{"arrears_action", "rent_transaction", "contact"} {
				for _, key := range m.where(child, "tenancy_ref", ref) {
					m.update(child, key, changes{"tenancy_ref": capture.Text(renumbered)})
				}
			}
			m.update("tenancy", ref, changes{"tenancy_ref": capture.Text(renumbered)})
		})
}

func (d *officers) nothing() Action {
	return single("a form is saved with nothing changed in it", `UPDATE tenancy SET tenure = tenure, rent = rent WHERE tenancy_ref = $1`, []any{d.any("tenancy")},
		func(*Model) {})
}

// ownedElsewhere changes a balance in the cloud. The legacy system has its own,
// and that is the one that counts.
func (d *officers) ownedElsewhere() Action {
	ref := d.any("tenancy")
	return single("a balance is changed, which is not the cloud's to say", `UPDATE tenancy SET balance = 4321.09 WHERE tenancy_ref = $1`, []any{ref},
		func(m *Model) { m.update("tenancy", ref, changes{"balance": capture.Text("4321.09")}) })
}

// longNoteStays updates a row whose note PostgreSQL does not send again.
func (d *officers) longNoteStays() Action {
	ref := d.where("tenancy", "property_ref", propertyRef(5))[0]
	return single("a rent changes beside a note of 6,000 letters", `UPDATE tenancy SET rent = 99.95 WHERE tenancy_ref = $1`, []any{ref},
		func(m *Model) { m.update("tenancy", ref, changes{"rent": capture.Text("99.95")}) })
}

func (d *officers) mistake() Action {
	key := d.any("arrears_action")
	return single("a diary entry that was a mistake is deleted", `DELETE FROM arrears_action WHERE concat_ws(' ', tenancy_ref, action_set, action_no, code) = $1`, []any{key},
		func(m *Model) { m.remove("arrears_action", key) })
}

func (d *officers) contactGone() Action {
	ref := d.keys("contact")[0]
	return single("a contact is deleted, in a table without a key", `DELETE FROM contact WHERE contact_ref = $1::text::integer`, []any{ref},
		func(m *Model) { m.remove("contact", ref) })
}

// twinGone deletes one of two rows that are alike in every column.
func (d *officers) twinGone() Action {
	t := d.table("contact")
	var twin string
	for key, rows := range d.rows[t] {
		if len(rows) == 2 {
			twin = key
		}
	}
	return single("one of two identical contacts is deleted", `DELETE FROM contact WHERE ctid = (SELECT ctid FROM contact WHERE contact_ref = $1::text::integer LIMIT 1)`, []any{twin},
		func(m *Model) { m.remove("contact", twin) })
}

func (d *officers) changedMind() Action {
	a := single("every diary entry is deleted, and the transaction rolled back", `DELETE FROM arrears_action`, nil, nil)
	a.Undone = true
	return a
}
