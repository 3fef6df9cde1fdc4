package sqlserver

import "slices"

// What was read of the two sides was read at different times, and the target
// has its own idea of which keys are equal. So a row that differed is looked up
// by its key on both sides, after the target had time to get what it lacked. It
// is a difference only if the source's row is the same before and after: then
// the target, which has all that was committed before, has no reason to differ.

// rounds is how often a row that changes is looked at again.
const rounds = 10

// manyExtras is how many rows of the target alone are judged together: the
// source, which cannot be asked for a key in the target's terms, is read anew
// for them.
const manyExtras = 20_000

// judge judges a block of suspects; an empty one is the last.
func (v *verification) judge(block []*suspect) error {
	last := len(block) < blockSize
	block, err := v.pair(block)
	if err != nil {
		return err
	}
	var located []*suspect
	for _, s := range block {
		if len(s.found) > 0 {
			located = append(located, s)
		} else {
			v.extras = append(v.extras, s)
		}
	}
	if err := v.settle(located); err != nil {
		return err
	}
	if !last && len(v.extras) < manyExtras {
		return nil
	}
	extras := v.extras
	v.extras = nil
	return v.settle(extras)
}

// pair joins a row of the source alone with the row of the target alone that the
// target finds by its key: they are one row, whose key differs in what the
// target's collation does not see.
func (v *verification) pair(block []*suspect) ([]*suspect, error) {
	byExact := map[string]*suspect{}
	alone := map[string]int{} // rows of the target alone, by folded key
	for _, s := range block {
		byExact[s.exact] = s
		if !s.ours && s.theirs {
			alone[v.foldedKey(s)]++
		}
	}
	var seeking []*suspect
	for _, s := range block {
		if s.ours && !s.theirs && alone[v.foldedKey(s)] > 0 {
			seeking = append(seeking, s)
		}
	}
	joined := map[*suspect]bool{}
	err := v.lookUp(keysOf(seeking), func(i int, im image) {
		s := seeking[i]
		other := byExact[v.exact(im)]
		if other != nil && !other.ours && !joined[other] && s.alias == "" {
			s.alias, s.theirs = other.exact, true
			joined[other] = true
		}
	})
	return slices.DeleteFunc(block, func(s *suspect) bool { return joined[s] }), err
}

func (v *verification) foldedKey(s *suspect) string {
	return string(appendTerms(nil, v.plan.folded(s.key)))
}

func (v *verification) exact(im image) string { return string(appendTerms(nil, v.plan.keyOf(im))) }

func keysOf(list []*suspect) [][]term {
	keys := make([][]term, len(list))
	for i, s := range list {
		keys[i] = s.key
		if s.alias != "" {
			keys[i], _ = readTerms([]byte(s.alias), len(s.key))
		}
	}
	return keys
}

// settle looks at suspects until each is the same, is a difference, or has
// changed too often.
func (v *verification) settle(list []*suspect) error {
	if err := v.readSource(list, false); err != nil {
		return err
	}
	for range rounds {
		if len(list) == 0 {
			return nil
		}
		caughtUp, err := v.catchUp()
		if err != nil {
			return err
		}
		if err := v.readTarget(list); err != nil {
			return err
		}
		list = v.dropSame(list)
		if !caughtUp {
			return v.reportAll(list)
		}
		before := map[*suspect][]sourceRow{}
		for _, s := range list {
			before[s] = s.want
		}
		if err := v.readSource(list, true); err != nil {
			return err
		}
		list = v.dropSame(list)
		var changing []*suspect
		for _, s := range list {
			if !settled(s, before[s]) {
				changing = append(changing, s)
			} else if err := v.report(s); err != nil {
				return err
			}
		}
		list = changing
	}
	v.verdict.Unsettled += int64(len(list))
	return nil
}

func (v *verification) catchUp() (bool, error) {
	if v.cfg.CatchUp == nil {
		return false, nil
	}
	return v.cfg.CatchUp(v.ctx)
}

// settled reports whether the source's rows did not change while the target's
// were read: twice, since what a transaction wrote can reach the target before
// the source shows it to others. That no row is there proves less, since one may
// have come and gone: then the target's has to stay the same, too, three times.
func settled(s *suspect, before []sourceRow) bool {
	if len(s.want) > 0 {
		if !slices.EqualFunc(before, s.want, func(a, b sourceRow) bool { return a.version == b.version }) {
			s.steady = 0
			return false
		}
		s.steady++
		return s.steady >= 2
	}
	if s.have[0].digest != s.seen || len(before) > 0 {
		s.steady = 0
	}
	s.steady, s.seen = s.steady+1, s.have[0].digest
	return s.steady >= 3
}

// dropSame drops the suspects whose sides are the same by now.
func (v *verification) dropSame(list []*suspect) []*suspect {
	return slices.DeleteFunc(list, func(s *suspect) bool {
		if !s.same() {
			return false
		}
		if len(s.have) > 0 {
			v.verdict.Equal++
		}
		return true
	})
}

// same reports whether both sides have the same rows, however often.
func (s *suspect) same() bool {
	if len(s.want) != len(s.have) {
		return false
	}
	digests := make([]digest, 0, len(s.want))
	for _, w := range s.want {
		digests = append(digests, w.image.digest)
	}
	for _, im := range s.have {
		i := slices.Index(digests, im.digest)
		if i < 0 {
			return false
		}
		digests = slices.Delete(digests, i, i+1)
	}
	return true
}
