package estate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// Clash is what officers of both sides do to the same row, before either hears of
// the other: the SQL of each side, and what it does to the model once it is decided
// who is right. The model knows the decision, and not the rule that comes to it.
type Clash struct {
	Title         string
	Cloud, Legacy Statement

	effect func(m *Model)
}

// Run has both sides do their part.
func (c Clash) Run(ctx context.Context, cloud, legacy *sql.DB) error {
	if _, err := legacy.ExecContext(ctx, c.Legacy.SQL, c.Legacy.Args...); err != nil {
		return fmt.Errorf("%s, on premises: %w", c.Title, err)
	}
	if _, err := cloud.ExecContext(ctx, c.Cloud.SQL, c.Cloud.Args...); err != nil {
		return fmt.Errorf("%s, in the cloud: %w", c.Title, err)
	}
	return nil
}

// Settle moves the model as both databases are to be once the clash is decided.
func (m *Model) Settle(c Clash) { c.effect(m) }

// Clashes are those of the evening, when the day's work was carried.
func (m *Model) Clashes() []Clash {
	return []Clash{m.rentsDiffer(), m.memberGone()}
}

// rentsDiffer: of the rent that both sides set, the one on premises counts, and
// what the cloud changed beside it is taken.
func (m *Model) rentsDiffer() Clash {
	const theirs, ours, note = "98.76", "101.25", "The rent letter was sent."
	keys := m.keys("tenancy")
	ref := keys[len(keys)-1]
	return Clash{
		Title:  "both sides set the rent of a tenancy, and the cloud its notes, too",
		Cloud:  Statement{`UPDATE tenancy SET rent = $1, notes = $2 WHERE tenancy_ref = $3`, []any{ours, note, ref}},
		Legacy: Statement{`UPDATE dbo.tenagree SET rent = @p1 WHERE tag_ref = @p2`, []any{theirs, ref}},
		effect: func(m *Model) {
			m.update("tenancy", ref, changes{"rent": capture.Text(ours), "notes": capture.Text(note)})
			t := m.table("tenancy")
			m.find("tenancy", ref).legacy[t.column("rent")] = capture.Text(theirs)
		},
	}
}

// memberGone: nobody is deleted from a household on premises, unless a person says
// so. In the end one does.
func (m *Model) memberGone() Clash {
	keys := m.keys("household_member")
	key := keys[len(keys)-1]
	household, person, _ := strings.Cut(key, " ")
	return Clash{
		Title:  "the cloud deletes a member of a household, whose title is changed on premises",
		Cloud:  Statement{`DELETE FROM household_member WHERE household_ref || ' ' || person_no = $1`, []any{key}},
		Legacy: Statement{`UPDATE dbo.member SET title = 'Cllr' WHERE house_ref = @p1 AND person_no = @p2`, []any{household, person}},
		effect: func(m *Model) { m.remove("household_member", key) },
	}
}
