package sqlservertest

import (
	"strconv"
)

// eval computes the small expressions that batches are full of (IF @n <> 1,
// SELECT -1, 1) without asking PostgreSQL. ok is false for all others.
func (s *session) eval(f *frame, x expr) (v value, ok bool) {
	switch x := x.(type) {
	case *literal:
		return value{x.typ, []byte(x.text)}, true
	case *nullLiteral:
		return value{}, true
	case *variable:
		switch x.name {
		case "@@rowcount", "@@trancount", "@@error", "@@spid":
			return value{simple(kInt), s.global(f, x.name)}, true
		}
		t, ok := f.batch.vars[x.name]
		return value{t, f.vars[x.name]}, ok
	case *call:
		if x.name == "XACT_STATE" {
			return value{simple(kSmallint), s.global(f, "@@xact_state")}, true
		}
	}
	return value{}, false
}

// test computes a condition; known is false where it takes PostgreSQL to.
func (s *session) test(f *frame, x expr) (truth, known bool) {
	switch x := x.(type) {
	case *isNullExpr:
		v, ok := s.eval(f, x.x)
		return (v.text == nil) != x.not, ok
	case *binaryExpr:
		if x.op == "AND" || x.op == "OR" {
			l, ok := s.test(f, x.l)
			if !ok || l == (x.op == "OR") {
				return l, ok
			}
			return s.test(f, x.r)
		}
		if !isPredicate(x.op) {
			return false, false
		}
		return s.compareInts(f, x)
	}
	return false, false
}

func (s *session) compareInts(f *frame, x *binaryExpr) (truth, known bool) {
	l, lok := s.eval(f, x.l)
	r, rok := s.eval(f, x.r)
	if !lok || !rok || l.typ.family() != fInt || r.typ.family() != fInt {
		return false, false
	}
	if l.text == nil || r.text == nil {
		return false, true
	}
	a, err1 := strconv.ParseInt(string(l.text), 10, 64)
	b, err2 := strconv.ParseInt(string(r.text), 10, 64)
	if err1 != nil || err2 != nil {
		return false, false
	}
	switch x.op {
	case "=":
		return a == b, true
	case "<>":
		return a != b, true
	case "<":
		return a < b, true
	case ">":
		return a > b, true
	case "<=":
		return a <= b, true
	}
	return a >= b, true
}
