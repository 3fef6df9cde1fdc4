package sqlserver

import (
	"database/sql"
	"strings"

	"github.com/syncback/syncback/capture"
)

// triggers says of each trigger what is chosen for it.
func (c *check) triggers(m *mapping) {
	t := m.target
	for _, trigger := range t.triggers {
		object := t.name.String() + ", trigger " + trigger.name
		switch {
		case trigger.disabled:
			c.add(capture.Note, object, "it is disabled", "")
		case m.silences():
			c.silent(object, m, trigger)
		case trigger.insteadOf:
			c.add(capture.Warns, object, "it fires INSTEAD OF the write, and may report a row that it did not write", "compare the two sides after the first changes of this table")
		default:
			c.add(capture.Note, object, "it fires on what is applied", "")
		}
	}
	if m.emulates() && len(t.triggers) == 0 {
		c.add(capture.Note, t.name.String(), "its triggers are emulated, and it has none that the login may see", "")
	}
}

// silent says whether a trigger that is told to stay silent can be expected to:
// it has to look for the marker. To emulate one that does not is to do everything
// twice.
func (c *check) silent(object string, m *mapping, t trigger) {
	told, unheard := "it is told to stay silent", capture.Warns
	if m.emulates() {
		told, unheard = "it is told to stay silent, and emulated", capture.Blocks
	}
	guard := "IF SUBSTRING(CONTEXT_INFO(), 1, 8) = " + SilentMarker + " RETURN"
	text := c.text(t)
	switch {
	case text == "":
		c.add(capture.Warns, object, told+"; its text cannot be read, so that it is not known whether it does",
			"see that it begins with "+guard+", or grant VIEW DEFINITION on its table to the login's user")
	case !strings.Contains(strings.ToUpper(text), "CONTEXT_INFO"):
		c.add(unheard, object, told+", and its text does not look at CONTEXT_INFO, so that it fires all the same",
			"have it begin with "+guard+", or let the table's triggers fire")
	case t.insteadOf:
		c.add(capture.Warns, object, told+"; it fires INSTEAD OF the write, and where it does nothing nothing is written",
			"have it do the write alone where it finds the marker, or let the table's triggers fire")
	default:
		c.add(capture.Note, object, told, "")
	}
}

// text is a trigger's own text; "" where the login may not read it.
func (c *check) text(t trigger) string {
	var text sql.NullString
	err := query(c.ctx, c.db, "SELECT [definition] FROM sys.sql_modules WHERE [object_id] = @p1",
		func(rows *sql.Rows) error { return rows.Scan(&text) }, t.id)
	if err != nil {
		return ""
	}
	return text.String
}
