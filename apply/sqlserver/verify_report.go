package sqlserver

import (
	"slices"
	"strings"
)

func (v *verification) reportAll(list []*suspect) error {
	for _, s := range list {
		if err := v.report(s); err != nil {
			return err
		}
	}
	return nil
}

// report counts a suspect as a difference and tells of it.
func (v *verification) report(s *suspect) error {
	for _, d := range v.differences(s) {
		if err := v.tell(d); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) tell(d Difference) error {
	d.Table = v.verdict.Table
	switch d.Kind {
	case Different:
		v.verdict.Different += d.Count
	case Missing:
		v.verdict.Missing += d.Count
	case Extra:
		v.verdict.Extra += d.Count
	}
	if d.Mended {
		v.verdict.Mended += d.Count
	}
	return v.cfg.Report(d)
}

// differences says how the two sides of a suspect differ: one difference, unless
// several rows have the key.
func (v *verification) differences(s *suspect) (out []Difference) {
	key := v.key(s)
	if len(s.want) == 1 && len(s.have) == 1 {
		return []Difference{{Kind: Different, Key: key, Columns: v.plan.columnsDiffering(s.want[0].image, s.have[0]), Count: 1, Left: unfit(s)}}
	}
	left := unfit(s)
	if len(s.want) > 1 || len(s.have) > 1 {
		left = keyTwice
	}
	both := min(len(s.want), len(s.have))
	for _, d := range []Difference{
		{Kind: Different, Count: int64(both)},
		{Kind: Missing, Count: int64(len(s.want) - both)},
		{Kind: Extra, Count: int64(len(s.have) - both)},
	} {
		if d.Count > 0 {
			d.Key, d.Left = key, left
			out = append(out, d)
		}
	}
	return out
}

func (v *verification) key(s *suspect) Key {
	k := Key{terms: s.key}
	for _, i := range v.plan.key {
		k.names = append(k.names, v.plan.columns[i].to.name)
	}
	return k
}

// unfit is why the target cannot have what the source has.
func unfit(s *suspect) string {
	var why []string
	for _, w := range s.want {
		why = append(why, w.image.unfit)
	}
	for _, im := range s.have {
		why = append(why, im.unfit)
	}
	return strings.Join(slices.DeleteFunc(why, func(s string) bool { return s == "" }), "; ")
}

// columnsDiffering names the target columns in which two images differ.
func (p *plan) columnsDiffering(a, b image) (out []string) {
	for i, c := range p.columns {
		if a.terms[i] != b.terms[i] {
			out = append(out, c.to.name)
		}
	}
	return out
}
