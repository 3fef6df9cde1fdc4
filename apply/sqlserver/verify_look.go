package sqlserver

import "github.com/syncback/syncback/capture"

// readTarget reads what the target has of the suspects.
func (v *verification) readTarget(list []*suspect) error {
	for _, s := range list {
		s.have = nil
	}
	return v.lookUp(keysOf(list), func(i int, im image) {
		s := list[i]
		if !s.mine(v.exact(im)) {
			return
		}
		if len(s.found) == 0 {
			im.terms = nil // there is nothing to compare them with, and there may be many
		}
		s.have = append(s.have, im)
	})
}

// readSource reads what the source has of the suspects: by its own key where it
// has one and knows the row; the others it is read through for, unless they were
// not there and need not be looked for yet.
func (v *verification) readSource(list []*suspect, seek bool) error {
	var known []*suspect
	var keys []capture.Row
	sought := map[string]*suspect{}
	which := v.sourceKey()
	for _, s := range list {
		s.want = nil
		switch {
		case len(s.found) == 0 && !seek:
		case len(s.found) == 0 || len(which) == 0:
			sought[s.exact] = s
		}
		for _, f := range s.found {
			if len(which) > 0 {
				known, keys = append(known, s), append(keys, readRow(f, len(v.table.Columns), which))
			}
		}
	}
	if err := v.seek(sought, which); err != nil {
		return err
	}
	if len(keys) == 0 {
		return nil
	}
	return v.source.Find(v.ctx, v.table, keys, func(i int, row capture.Row, version string) error {
		im := v.imageOf(row)
		if s := known[i]; s.exact == v.exact(im) {
			s.want = append(s.want, sourceRow{row, im, version})
		}
		return nil
	})
}

// seek reads the whole source table for the rows of some keys.
func (v *verification) seek(sought map[string]*suspect, which []int) error {
	if len(sought) == 0 {
		return nil
	}
	for _, s := range sought {
		s.found = nil
	}
	return v.source.Scan(v.ctx, v.table, func(row capture.Row) error {
		im := v.imageOf(row)
		s := sought[v.exact(im)]
		if s == nil {
			return nil
		}
		s.want = append(s.want, sourceRow{row, im, string(im.digest[:])})
		s.found = append(s.found, appendRow(nil, row, which))
		return nil
	})
}
