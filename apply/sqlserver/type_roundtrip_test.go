package sqlserver

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
)

// sample is one value of one pair, as it is bound.
type sample struct {
	encodeCase
	typ   sqlType
	bound bound
}

// samples are all cases that are not refused, by their target type.
func samples(t *testing.T) map[string][]sample {
	t.Helper()
	found := map[string][]sample{}
	for _, c := range slices.Concat(numberCases(), floatCases(), textCases(), otherCases(), timeCases(), crossCases(), limitCases()) {
		if strings.HasPrefix(c.want, "!") {
			continue
		}
		typ := typed(t, c.dst)
		codec, err := newCodec(source(c.src), typ, codecOptions{lossy: rules(c.rules), zone: london(t)})
		if err != nil {
			t.Fatal(err)
		}
		b, err := codec.encode(capture.Text(c.text))
		if err != nil {
			t.Fatalf("%s %.400q to %s: %v", c.src, c.text, c.dst, err)
		}
		found[c.dst] = append(found[c.dst], sample{c, typ, b})
	}
	return found
}

// onServer returns one connection to a T-SQL server: the one that
// SYNCBACK_TEST_SQLSERVER names, or else the stand-in.
func onServer(t *testing.T) (context.Context, *sql.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	db, err := sql.Open("sqlserver", sqlservertest.Open(t, cluster).DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return ctx, conn
}

func isBabelfish(ctx context.Context, t *testing.T, conn *sql.Conn) bool {
	t.Helper()
	var version string
	if err := conn.QueryRowContext(ctx, "SELECT @@VERSION").Scan(&version); err != nil {
		t.Fatal(err)
	}
	return strings.Contains(version, "Babelfish")
}

// TestRoundTrip writes every value at its type's limits to a real column, reads
// it back, and finds it again by the predicates that a conflict is told by.
func TestRoundTrip(t *testing.T) {
	ctx, conn := onServer(t)
	for typ, of := range samples(t) {
		t.Run(typ, func(t *testing.T) { roundTrip(ctx, t, conn, of) })
	}
}

// TestRoundTripOfTimesInAnyLanguage sees that what a session thinks of dates
// changes none.
func TestRoundTripOfTimesInAnyLanguage(t *testing.T) {
	ctx, conn := onServer(t)
	for _, order := range []string{"mdy", "dmy", "ydm"} {
		execute(ctx, t, conn, "SET DATEFORMAT "+order)
		for typ, of := range samples(t) {
			if of[0].typ.class() == classTime {
				t.Run(order+"/"+typ, func(t *testing.T) { roundTrip(ctx, t, conn, of) })
			}
		}
	}
}

func roundTrip(ctx context.Context, t *testing.T, conn *sql.Conn, of []sample) {
	typ := of[0].typ
	column := typ.String()
	if typ.collation != "" {
		column += " COLLATE " + typ.collation
	}
	execute(ctx, t, conn, "CREATE TABLE #r (id int NOT NULL, c "+column+" NULL)")
	defer execute(ctx, t, conn, "DROP TABLE #r")
	for i, s := range of {
		if _, err := conn.ExecContext(ctx, "INSERT INTO #r (id, c) VALUES (@p1, "+s.bound.expr("@p2")+")", i, s.bound.arg); err != nil {
			t.Errorf("%s %q is not taken: %v", s.src, s.text, err)
		}
	}
	for i, s := range of {
		var scanned any
		if err := conn.QueryRowContext(ctx, "SELECT "+typ.selectExpr("c")+" FROM #r WHERE id = @p1", i).Scan(&scanned); err != nil {
			t.Errorf("%s %q does not come back: %v", s.src, s.text, err)
			continue
		}
		if got, ok, err := typ.terms(scanned); err != nil || !ok || got != s.bound.terms {
			t.Errorf("%s %q is stored as %q (%T %v, %v), want %q", s.src, s.text, got, scanned, ok, err, s.bound.terms)
		}
		checkPredicates(ctx, t, conn, of, i)
	}
}

// checkPredicates sees that the i-th value finds the rows that hold the same and
// no others.
func checkPredicates(ctx context.Context, t *testing.T, conn *sql.Conn, of []sample, i int) {
	want := 0
	for _, other := range of {
		if other.bound.same(of[i].bound) {
			want++
		}
	}
	s := of[i]
	predicate := s.typ.equals("c", s.bound.expr("@p1"))
	var got int
	if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM #r WHERE "+predicate, s.bound.arg).Scan(&got); err != nil {
		t.Errorf("%s %q: %s: %v", s.src, s.text, predicate, err)
	} else if got != want {
		t.Errorf("%s %q: %s finds %d rows, want %d", s.src, s.text, predicate, got, want)
	}
}

func execute(ctx context.Context, t *testing.T, conn *sql.Conn, query string) {
	t.Helper()
	if _, err := conn.ExecContext(ctx, query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// TestEveryPairMakesTheRoundTrip sees that no pair of the package page, and none
// of a family and a class of types, is allowed without a sample of it.
func TestEveryPairMakesTheRoundTrip(t *testing.T) {
	type pair struct {
		from family
		to   class
	}
	tried := map[pair]bool{}
	all := samples(t)
	for _, of := range all {
		for _, s := range of {
			tried[pair{sourceFamily(s.src), s.typ.class()}] = true
		}
	}
	for _, src := range fuzzSources {
		for _, dst := range fuzzTargets {
			typ := typed(t, dst)
			_, err := newCodec(source(src), typ, codecOptions{zone: london(t)})
			if err == nil && !tried[pair{sourceFamily(src), typ.class()}] {
				t.Errorf("%s to %s is allowed, and no value of it is tried", src, dst)
			}
		}
	}
	for _, dst := range fuzzTargets {
		if len(all[dst]) == 0 {
			t.Errorf("no value is tried in %s", dst)
		}
	}
	checkPagePairs(t, all)
}

// checkPagePairs wants a value of each pair of the page that needs no rule, so
// that TestThereAndBack has it too, and where values have an order those at both
// ends.
func checkPagePairs(t *testing.T, all map[string][]sample) {
	t.Helper()
	tried, ends := map[typePair]bool{}, map[typePair]bool{}
	for dst, of := range all {
		for _, s := range of {
			if s.rules == "" {
				tried[typePair{s.src, dst}] = true
			}
		}
	}
	for _, l := range limits() {
		for _, p := range l.pairs() {
			ends[p] = len(l.within) >= 2 && len(l.beyond) == 2
		}
	}
	for p := range pagePairs(t) {
		switch {
		case !tried[p]:
			t.Errorf("%s to %s is on the package page, and no value of it is tried", p.src, p.dst)
		case !ends[p] && p.hasEnds(t):
			t.Errorf("%s to %s is on the package page, and its least and greatest value are not tried", p.src, p.dst)
		}
	}
}
