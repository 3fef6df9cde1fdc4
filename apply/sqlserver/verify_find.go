package sqlserver

import "fmt"

// lookupKeys is the most that one round trip looks up.
const lookupKeys = 100

// lookUp reads the target's rows that have the given keys by its own collation,
// and calls each with the key's index and the row.
func (v *verification) lookUp(keys [][]term, each func(i int, im image)) error {
	for at := 0; at < len(keys); {
		text, args, n := v.lookUpSQL(keys[at:], "")
		type row struct {
			i  int
			im image
		}
		var rows []row
		err := again(v.ctx, func() error {
			rows = nil // an answer that was cut off is read again
			return v.ask(v.ctx, text, args, len(v.plan.columns)+1, func(values []any) error {
				i, _ := values[0].(int64)
				rows = append(rows, row{at + int(i), v.imageRead(values[1:])})
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, r := range rows {
			each(r.i, r.im)
		}
		at += n
	}
	return nil
}

// lookUpSQL returns a batch of queries for the first n of keys, one a key: which
// key a row was found by is the target's to say. A key that cannot be bound finds
// nothing.
func (v *verification) lookUpSQL(keys [][]term, hint string) (text string, args []any, n int) {
	b := &batchText{}
	for ; n < len(keys) && n < lookupKeys && len(b.args)+len(v.plan.key) <= maxParameters; n++ {
		w := &builder{}
		fmt.Fprintf(w, "SELECT CAST(%d AS bigint) AS i, %s FROM %s AS t%s WHERE ", n, v.plan.selectList("t."), v.plan.target.name.quoted(), hint)
		if err := v.plan.matchesKey(w, keys[n]); err != nil {
			continue
		}
		b.statement(&statement{text: w.String(), args: w.args})
	}
	if b.Len() == 0 {
		b.put("SELECT 0 WHERE 1 = 0")
	}
	return b.String(), b.args, n
}

// matchesKey writes the predicate that a row has the key, by the target's
// collation.
func (p *plan) matchesKey(w *builder, key []term) error {
	separator := ""
	for i, k := range p.key {
		b, err := bindTerms(p.columns[k].to, key[i])
		if err != nil {
			return err
		}
		w.WriteString(separator)
		w.matches(p.columns[k].to, b)
		separator = " AND "
	}
	return nil
}
