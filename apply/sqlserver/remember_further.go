package sqlserver

import "github.com/syncback/syncback/capture"

// leaveFurther notes that the row of a further change is about to be written: what
// an Emulator has made of it is ours, too. It tells its row by columns of its own
// choice; where these are not the ones of the plan, the row is read for them. What
// was remembered of a table of which nothing was changed yet, so that there is no
// plan, is forgotten.
func (w *writing) leaveFurther(c *change) error {
	if c.mapping == nil || !c.mapping.config.Remember {
		return nil
	}
	p := c.mapping.plan
	if p == nil {
		return w.put(w.forgetTable(c.target.name.String()))
	}
	w.leaveRow(p, c.inPlan(p, c.in.Before))
	w.leaveRow(p, c.inPlan(p, c.in.After))
	if p.rowName(c.inPlan(p, c.old())) != "" {
		return nil
	}
	return w.leaveFound(c, p)
}

// leaveFound notes the rows that a further change is about to find.
func (w *writing) leaveFound(c *change, p *plan) error {
	found, err := c.furtherKey()
	if err != nil {
		return nil // an insert has none, and names all that it writes
	}
	if err := w.flush(); err != nil {
		return err
	}
	rows, err := w.read(&change{plan: p, op: c.op, position: c.position}, found)
	for _, row := range rows {
		w.leaveRow(p, row)
	}
	return err
}

// inPlan is a row of a further change in the columns of another plan of its table.
func (c *change) inPlan(p *plan, row capture.Row) rowImage {
	if row == nil {
		return nil
	}
	out := make(rowImage, len(p.columns))
	for i, column := range c.columns {
		at := p.indexOf(column.to)
		if at < 0 || row[i].IsAbsent() {
			continue
		}
		if b, err := column.to.typ.bind(row[i]); err == nil {
			out[at] = imageValue{known: true, bound: b}
		}
	}
	return out
}
