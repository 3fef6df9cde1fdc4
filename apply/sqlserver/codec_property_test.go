package sqlserver

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
)

var fuzzSources = []string{
	"bool", "int2", "int4", "int8", "oid", "numeric", "money", "float4", "float8", "text", "varchar",
	"bpchar", "bytea", "uuid", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "jsonb",
	"xml", "inet", "int4[]", "enum", "point",
}

var fuzzTargets = []string{
	"tinyint", "smallint", "int", "bigint", "bit", "decimal(9,2)", "numeric(38,38)", "money", "smallmoney",
	"float", "real", "char(5)", "varchar(5)", "varchar(max)", "nchar(5)", "nvarchar(5)", "text", "ntext",
	"binary(2)", "varbinary(3)", "image", "date", "time(0)", "time(7)", "datetime", "smalldatetime",
	"datetime2(0)", "datetime2(7)", "datetimeoffset(3)", "uniqueidentifier", "xml",
}

// FuzzEncode asserts what holds of every value of every pair: it never panics, a
// rule changes nothing that fits without it, and what the target holds goes in
// again as itself.
func FuzzEncode(f *testing.F) {
	for i, text := range []string{
		"t", "1", "-32768", "12.50", "NaN", "1e-310", "0.1", "Şahin", "a😀", `\x00ff`, "2024-10-27 01:30:00+00",
		"6f9619ff-8b86-d011-b42d-00c04fc964ff", "24:00:00", "9999-12-31 23:59:59.999999", "<a b='1'/>", "infinity",
		"e\u0301\u0327日", "\xff", "0044-03-15 BC", "-", ".", "+", "00", "2024-13-01", "\x00", "<a>&#0;</a>",
	} {
		f.Add(uint8(i), uint8(i*7), uint8(i), text)
	}
	zone := time.FixedZone("", 3600)
	f.Fuzz(func(t *testing.T, from, to, with uint8, text string) {
		src := source(fuzzSources[int(from)%len(fuzzSources)])
		dst := typed(t, fuzzTargets[int(to)%len(fuzzTargets)])
		lossy := Lossy{with&1 > 0, with&2 > 0, with&4 > 0, with&8 > 0}
		checkValue(t, src, dst, codecOptions{lossy: lossy, zone: zone}, text)
	})
}

func checkValue(t *testing.T, src capture.Column, dst sqlType, opt codecOptions, text string) {
	t.Helper()
	lenient, err := newCodec(src, dst, opt)
	if err != nil {
		return
	}
	opt.lossy = Lossy{}
	strict, err := newCodec(src, dst, opt)
	if err != nil {
		t.Fatalf("%s to %s needs a rule as a pair: %v", src.Base, dst, err)
	}
	b, err := lenient.encode(capture.Text(text))
	exact, strictErr := strict.encode(capture.Text(text))
	if strictErr == nil && (err != nil || !b.same(exact)) {
		t.Errorf("%s %q to %s is %q, and %q (%v) with rules", src.Base, text, dst, exact.terms, b.terms, err)
	}
	if err != nil {
		return
	}
	if b.null || b.arg == nil || b.expr("@p1") == "" {
		t.Errorf("%s %q to %s is bound to nothing", src.Base, text, dst)
	}
	checkTerms(t, dst, b)
}

// checkTerms sees that terms are a fixed point: what the target holds goes in
// again as itself.
func checkTerms(t *testing.T, dst sqlType, b bound) {
	t.Helper()
	var again bound
	var err error
	if dst.class() == classFloat {
		var c *codec
		if c, err = newCodec(source("float8"), dst, codecOptions{lossy: Lossy{Round: true}}); err == nil {
			again, err = c.encode(capture.Text(b.terms))
		}
	} else {
		again, err = literal(dst, b.terms)
	}
	if err != nil || !again.same(b) && b.terms != "" {
		t.Errorf("%s: terms %q become %q (%v)", dst, b.terms, again.terms, err)
	}
	if dst.class() == classFloat || dst.class() == classBinary {
		return // they do not arrive as text
	}
	if read, ok, err := dst.terms(b.terms); err != nil || !ok || read != b.terms {
		t.Errorf("%s: terms %q are read as %q (%v)", dst, b.terms, read, err)
	}
}

// TestRandomValues is the same over values that mostly fit.
func TestRandomValues(t *testing.T) {
	r := capturetest.Rand(t)
	for range 20_000 {
		base := fuzzSources[r.IntN(len(fuzzSources))]
		dst := typed(t, fuzzTargets[r.IntN(len(fuzzTargets))])
		lossy := Lossy{r.IntN(2) > 0, r.IntN(2) > 0, r.IntN(2) > 0, r.IntN(2) > 0}
		text := randomText(r, base)
		checkValue(t, source(base), dst, codecOptions{lossy: lossy, zone: time.UTC}, text)
		checkVerdict(t, source(base), dst, text)
	}
}

// checkVerdict sees that a pair without a problem takes every value.
func checkVerdict(t *testing.T, src capture.Column, dst sqlType, text string) {
	t.Helper()
	opt := codecOptions{zone: time.UTC}
	level, problem, _ := verdict(src, dst, opt)
	c, err := newCodec(src, dst, opt)
	if (err != nil) != (level == capture.Blocks) {
		t.Fatalf("%s to %s: verdict %s, codec %v", src.Base, dst, level, err)
	}
	if err != nil || problem != "" {
		return
	}
	if _, err := c.encode(capture.Text(text)); err != nil {
		t.Errorf("%s %q to %s, which takes every value: %v", src.Base, text, dst, err)
	}
}

// randomText is a value in the form in which PostgreSQL writes the type.
func randomText(r *rand.Rand, base string) string {
	switch sourceFamily(base) {
	case familyBool:
		return []string{"t", "f"}[r.IntN(2)]
	case familyInteger:
		bits := map[string]int{"int2": 16, "int4": 32, "int8": 64}[base]
		if base == "oid" {
			return strconv.FormatUint(uint64(r.Uint32()), 10)
		}
		return strconv.FormatInt(int64(r.Uint64())>>(64-bits+r.IntN(bits)), 10)
	case familyUUID:
		return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), 0, 1, r.Uint32())
	case familyDecimal, familyFloat4, familyFloat8:
		return decimal{r.IntN(2) > 0, someDigits(r, r.IntN(10)), someDigits(r, r.IntN(6))}.String()
	case familyBytes:
		return `\x` + strings.Repeat("0f", r.IntN(5))
	case familyDate, familyTimestamp, familyInstant, familyTime:
		layout := map[family]string{
			familyDate: "2006-01-02", familyTimestamp: "2006-01-02 15:04:05.999999",
			familyInstant: "2006-01-02 15:04:05.999999+00", familyTime: "15:04:05.999999",
		}
		return time.UnixMicro(r.Int64N(9e15) - 4e15).UTC().Format(layout[sourceFamily(base)])
	default:
		letters := []rune("aZ 9-ŞéŁß€日😀\u0301")
		var b strings.Builder
		for range r.IntN(8) {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
}

func someDigits(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(byte('1' + r.IntN(9)))
	}
	return b.String()
}
