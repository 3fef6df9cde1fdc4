package sqlserver

import (
	"context"
	"database/sql"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
)

// TestThereAndBack writes random values of every pair of types to a T-SQL server,
// and those at the limits, reads them, and has PostgreSQL say whether what came
// back is what left. No rule that changes values is given.
func TestThereAndBack(t *testing.T) {
	ctx, conn := onServer(t)
	back := toPostgres(t)
	r := capturetest.Rand(t)
	limits := samples(t)
	for dst, of := range limits { // those that need a rule do not come back as they were
		limits[dst] = slices.DeleteFunc(of, func(s sample) bool { return s.rules != "" })
	}
	targets := slices.Clone(fuzzTargets)
	for _, dst := range slices.Sorted(maps.Keys(limits)) { // a seed draws the same for each
		if !slices.Contains(targets, dst) {
			targets = append(targets, dst)
		}
	}
	for _, dst := range targets {
		t.Run(dst, func(t *testing.T) {
			thereAndBack(ctx, t, conn, back, append(randomSamples(t, r, dst), limits[dst]...))
		})
	}
}

// toPostgres returns a connection to PostgreSQL in the zone of the tests.
func toPostgres(t *testing.T) *pgx.Conn {
	t.Helper()
	back, err := pgx.Connect(t.Context(), cluster.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close(context.Background()) })
	if _, err := back.Exec(t.Context(), `SET TimeZone = 'Europe/London'`); err != nil {
		t.Fatal(err)
	}
	return back
}

// randomSamples are values of every source type that the target type takes.
func randomSamples(t *testing.T, r *rand.Rand, dst string) (of []sample) {
	typ := typed(t, dst)
	for _, base := range fuzzSources {
		c, err := newCodec(source(base), typ, codecOptions{zone: london(t)})
		if err != nil {
			continue
		}
		for range 4 {
			text := randomText(r, base)
			if b, err := c.encode(capture.Text(text)); err == nil {
				of = append(of, sample{encodeCase{src: base, dst: dst, text: text}, typ, b})
			}
		}
	}
	return of
}

func thereAndBack(ctx context.Context, t *testing.T, conn *sql.Conn, back *pgx.Conn, of []sample) {
	if len(of) == 0 {
		t.Fatal("no value is tried")
	}
	typ := of[0].typ
	column := typ.String()
	if typ.collation != "" {
		column += " COLLATE " + typ.collation
	}
	execute(ctx, t, conn, "CREATE TABLE #b (id int NOT NULL, c "+column+" NULL)")
	defer execute(ctx, t, conn, "DROP TABLE #b")
	for i, s := range of {
		if _, err := conn.ExecContext(ctx, "INSERT INTO #b (id, c) VALUES (@p1, "+s.bound.expr("@p2")+")", i, s.bound.arg); err != nil {
			t.Fatalf("%s %q is not taken: %v", s.src, s.text, err)
		}
	}
	for i, s := range of {
		var scanned any
		if err := conn.QueryRowContext(ctx, "SELECT "+typ.selectExpr("c")+" FROM #b WHERE id = @p1", i).Scan(&scanned); err != nil {
			t.Fatalf("%s %q does not come back: %v", s.src, s.text, err)
		}
		text, _, err := typ.terms(scanned)
		if err != nil {
			t.Fatal(err)
		}
		if typ.class() == classBinary {
			text = `\x` + strings.TrimPrefix(text, "0x")
		}
		if typ.class() == classFloat {
			text = exactText(t, text, typ.floatBits())
		}
		as := comparedAs(s)
		if as == "" {
			if text != s.bound.terms {
				t.Errorf("%s %q into %s comes back as %q", s.src, s.text, typ, text)
			}
			continue
		}
		var same bool
		err = back.QueryRow(ctx, "SELECT $1::text::"+as+" = $2::text::"+as, s.text, text).Scan(&same)
		if err != nil || !same {
			t.Errorf("%s %.400q into %s comes back as %.400q (%v)", s.src, s.text, typ, text, err)
		}
	}
}

// exactText writes out a float's value, which its shortest text only tells apart
// from the other floats: 1.056905e+08 is the real 105690496.
func exactText(t *testing.T, text string, bits int) string {
	t.Helper()
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		t.Fatal(err)
	}
	return exactDigits(f)
}

func exactDigits(f float64) string {
	const longest = 1074 // decimals of the smallest float
	text := strings.TrimRight(strconv.FormatFloat(f, 'f', longest, 64), "0")
	return strings.TrimSuffix(text, ".")
}

// comparedAs is the type of PostgreSQL in which a value that came back is
// compared with the one that left; "" is an xml, which has no equality, and which
// TestRoundTrip compares.
func comparedAs(s sample) string {
	switch from := sourceFamily(s.src); {
	case s.typ.class() == classXML, from == familyXML:
		return ""
	case from == familyInteger:
		return "numeric" // 1.00 and 1e+06 are integers too
	case from != familyText && from != familyBlank && from != familyForm:
		return s.src
	case s.typ.class() == classFloat:
		return "float8"
	case s.typ.class() == classTime && s.typ.name == "datetimeoffset":
		return "timestamptz"
	case s.typ.class() == classTime && (s.typ.name == "date" || s.typ.name == "time"):
		return s.typ.name
	case s.typ.class() == classTime:
		return "timestamp"
	case s.typ.class() == classUUID:
		return "uuid"
	case s.typ.class() == classChar, s.typ.class() == classNChar:
		if s.typ.padded() || from == familyBlank {
			return "bpchar" // in which blanks at the end do not count
		}
		return "text"
	default:
		return "numeric"
	}
}
