package sqlserver

import (
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// limit is what pairs of types carry that end at the same values: every type of
// from to every type of to.
type limit struct {
	from, to string
	// within are the least and the greatest value, and what else is worth the
	// trip.
	within []string
	// beyond are the neighbours of the least and of the greatest value, which the
	// source does not have or the target does not hold.
	beyond []string
}

func (l limit) pairs() (of []typePair) {
	for from := range strings.SplitSeq(l.from, ", ") {
		for to := range strings.SplitSeq(l.to, ", ") {
			of = append(of, typePair{from, to})
		}
	}
	return of
}

// limits has all pairs of the package page, and a pair of each target that is
// tried beyond them.
func limits() (all []limit) {
	for _, of := range [][]limit{integerLimits(), decimalLimits(), floatLimits(), timeLimits(), otherLimits()} {
		all = append(all, of...)
	}
	return all
}

// limitCases are the values within the limits. What they become has no want: the
// target says it, and PostgreSQL judges it.
func limitCases() (cases []encodeCase) {
	for _, l := range limits() {
		for _, p := range l.pairs() {
			for _, text := range l.within {
				cases = append(cases, encodeCase{src: p.src, dst: p.dst, text: text})
			}
		}
	}
	return cases
}

func integerLimits() []limit {
	const texts = ", varchar(max), nvarchar(max)"
	return []limit{
		{"bool", "bit, tinyint, smallint, int, bigint", []string{"f", "t"}, []string{"-1", "2"}},
		{"int2", "smallint, int, bigint, decimal(18,4), money, float, real" + texts, []string{"-32768", "32767"}, []string{"-32769", "32768"}},
		{"int4", "int, bigint, decimal(18,4), money, float" + texts, []string{"-2147483648", "2147483647"}, []string{"-2147483649", "2147483648"}},
		{"int4", "real", []string{"-2147483648", "2147483520"}, []string{"-2147483649", "2147483521"}},
		{"int8", "bigint" + texts, []string{"-9223372036854775808", "9223372036854775807"}, []string{"-9223372036854775809", "9223372036854775808"}},
		{"int8", "decimal(18,4)", []string{"-99999999999999", "99999999999999"}, []string{"-100000000000000", "100000000000000"}},
		{"int8", "money", []string{"-922337203685477", "922337203685477"}, []string{"-922337203685478", "922337203685478"}},
		{"int8", "float", []string{"-9223372036854775808", "9223372036854774784"}, []string{"-9223372036854775809", "9223372036854774785"}},
		{"int8", "real", []string{"-9223372036854775808", "9223371487098961920"}, []string{"-9223372036854775809", "9223371487098961921"}},
		{"int2, int4, int8", "bit", []string{"0", "1"}, []string{"-1", "2"}},
		{"int2, int4, int8", "tinyint", []string{"0", "255"}, []string{"-1", "256"}},
		{"int4, int8", "smallint", []string{"-32768", "32767"}, []string{"-32769", "32768"}},
		{"int8", "int", []string{"-2147483648", "2147483647"}, []string{"-2147483649", "2147483648"}},
	}
}

// decimalLimits are of numeric, and of text that is spelled as one. A name and an
// enum are too short for the limits of a float.
func decimalLimits() []limit {
	const texts = "text, varchar, name, enum"
	longest := strings.Repeat("9", 131072) // digits before the point (PostgreSQL, Numeric Types)
	finest := "0." + strings.Repeat("0", 16382) + "1"
	float, real := exactDigits(math.MaxFloat64), exactDigits(math.MaxFloat32)
	overFloat, overReal := "1"+strings.Repeat("0", 309), exactDigits(0x1p128)
	return []limit{
		{"numeric", "varchar(max), nvarchar(max)", []string{"-" + longest, longest, finest, "1.50", "NaN", "Infinity", "-Infinity"}, []string{"-1" + longest, "1" + longest}},
		{"numeric, " + texts, "bit", []string{"0", "1"}, []string{"-1", "2"}},
		{"numeric, " + texts, "tinyint", []string{"0", "255"}, []string{"-1", "256"}},
		{"numeric, " + texts, "smallint", []string{"-32768", "32767"}, []string{"-32769", "32768"}},
		{"numeric, " + texts, "int", []string{"-2147483648", "2147483647"}, []string{"-2147483649", "2147483648"}},
		{"numeric, " + texts, "bigint", []string{"-9223372036854775808", "9223372036854775807"}, []string{"-9223372036854775809", "9223372036854775808"}},
		{"numeric, " + texts, "decimal(18,4)", []string{"-99999999999999.9999", "99999999999999.9999"}, []string{"-100000000000000", "100000000000000"}},
		{"numeric", "numeric(38,38)", []string{"-0." + strings.Repeat("9", 38), "0." + strings.Repeat("9", 38)}, []string{"-1", "1"}},
		{"numeric, " + texts, "money", []string{"-922337203685477.5808", "922337203685477.5807"}, []string{"-922337203685477.5809", "922337203685477.5808"}},
		{"numeric, " + texts, "real", []string{"-" + real, real}, []string{"-" + overReal, overReal}},
		{"numeric, text, varchar", "float", []string{"-" + float, float, exactDigits(0x1p-1022)}, []string{"-" + overFloat, overFloat}},
		{"name, enum", "float", []string{"-" + exactDigits(math.Nextafter(1e62, 0)), exactDigits(math.Nextafter(1e63, 0))}, []string{"-" + exactDigits(1e62), exactDigits(1e63)}},
	}
}

// floatLimits have the greatest float that the target holds to the last digit.
func floatLimits() []limit {
	const all4, all8 = "3.4028235e+38", "1.7976931348623157e+308"
	const over4, over8 = "3.4028236e+38", "1.7976931348623159e+308"
	return []limit{
		{"float4", "varchar(max), nvarchar(max)", []string{"-" + all4, all4, "1e-45", "-0", "NaN", "Infinity"}, []string{"-" + over4, over4}},
		{"float4", "float", []string{"-" + all4, all4, "1e-45"}, []string{"-" + over4, over4}},
		{"float4", "real", []string{"-" + all4, all4, "1.1754944e-38"}, []string{"-" + over4, over4}},
		{"float4", "int", []string{"-2.1474836e+09", "2.1474835e+09"}, []string{"-2.147484e+09", "2.1474836e+09"}},
		{"float4", "bigint", []string{"-9.223372e+18", "9.2233715e+18"}, []string{"-9.223373e+18", "9.223372e+18"}},
		{"float4", "decimal(18,4)", []string{"-9.999999e+13", "9.999999e+13", "0.0625"}, []string{"-1e+14", "1e+14"}},
		{"float4", "money", []string{"-9.223372e+14", "9.223372e+14", "0.0625"}, []string{"-9.2233725e+14", "9.2233725e+14"}},
		{"float8", "varchar(max), nvarchar(max)", []string{"-" + all8, all8, "5e-324", "-0", "NaN", "Infinity"}, []string{"-" + over8, over8}},
		{"float8", "float", []string{"-" + all8, all8, "2.2250738585072014e-308"}, []string{"-" + over8, over8}},
		{"float8", "real", []string{"-3.4028234663852886e+38", "3.4028234663852886e+38", "1.1754943508222875e-38"}, []string{"-3.402823466385289e+38", "3.402823466385289e+38"}},
		{"float8", "int", []string{"-2147483648", "2147483647"}, []string{"-2147483649", "2147483648"}},
		{"float8", "bigint", []string{"-9.223372036854775808e+18", "9.223372036854774784e+18"}, []string{"-9.223372036854778e+18", "9.223372036854775808e+18"}},
		{"float8", "decimal(18,4)", []string{"-99999999999999.94", "99999999999999.94"}, []string{"-100000000000000", "100000000000000"}},
		{"float8", "money", []string{"-922337203685477.5", "922337203685477.5"}, []string{"-922337203685477.6", "922337203685477.6"}},
		{"float4, float8", "bit", []string{"0", "1"}, []string{"-1", "2"}},
		{"float4, float8", "tinyint", []string{"0", "255"}, []string{"-1", "256"}},
		{"float4, float8", "smallint", []string{"-32768", "32767"}, []string{"-32769", "32768"}},
	}
}

// timeLimits are those of Europe/London, whose clock was 75 seconds behind until
// 1847 and is an hour ahead in summer.
func timeLimits() []limit {
	const texts = "text, varchar, name, enum"
	return []limit{
		{"date", "varchar(max), nvarchar(max)", []string{"4714-11-24 BC", "5874897-12-31", "infinity", "-infinity"}, []string{"4714-11-23 BC", "5874898-01-01"}},
		{"date, " + texts, "date, datetime2(7)", []string{"0001-01-01", "9999-12-31"}, []string{"0001-12-31 BC", "10000-01-01"}},
		{"date", "datetime", []string{"1753-01-01", "9999-12-31"}, []string{"1752-12-31", "10000-01-01"}},
		{"date", "smalldatetime", []string{"1900-01-01", "2079-06-06"}, []string{"1899-12-31", "2079-06-07"}},
		{"time", "varchar(max), nvarchar(max)", []string{"00:00:00", "24:00:00"}, []string{"-00:00:00.000001", "24:00:00.000001"}},
		{"time, " + texts, "time(7)", []string{"00:00:00", "23:59:59.999999"}, []string{"-00:00:00.000001", "24:00:00"}},
		{"timestamp", "varchar(max), nvarchar(max)", []string{"4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "infinity", "-infinity"}, []string{"4714-11-23 23:59:59.999999 BC", "294277-01-01 00:00:00"}},
		{"timestamp", "date", []string{"0001-01-01 00:00:00", "9999-12-31 00:00:00"}, []string{"0001-12-31 00:00:00 BC", "10000-01-01 00:00:00"}},
		{"timestamp, " + texts, "smalldatetime", []string{"1900-01-01 00:00:00", "2079-06-06 23:59:00"}, []string{"1899-12-31 23:59:00", "2079-06-07 00:00:00"}},
		{"timestamp, " + texts, "datetime", []string{"1753-01-01 00:00:00", "9999-12-31 23:59:59.997"}, []string{"1752-12-31 23:59:59.997", "10000-01-01 00:00:00"}},
		{"timestamp, " + texts, "datetime2(7)", []string{"0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"}, []string{"0001-12-31 23:59:59.999999 BC", "10000-01-01 00:00:00"}},
		{"timestamptz", "varchar(max), nvarchar(max)", []string{"4714-11-24 00:00:00+00 BC", "294276-12-31 23:59:59.999999+00", "infinity", "-infinity"}, []string{"4714-11-23 23:59:59.999999+00 BC", "294277-01-01 00:00:00+00"}},
		{"timestamptz", "date", []string{"0001-01-01 00:01:15+00", "9999-12-31 00:00:00+00"}, []string{"0001-12-31 00:01:15+00 BC", "10000-01-01 00:00:00+00"}},
		{"timestamptz", "smalldatetime", []string{"1900-01-01 00:00:00+00", "2079-06-06 22:59:00+00"}, []string{"1899-12-31 23:59:00+00", "2079-06-06 23:00:00+00"}},
		{"timestamptz", "datetime", []string{"1753-01-01 00:01:15+00", "9999-12-31 23:59:59.997+00"}, []string{"1753-01-01 00:01:14.997+00", "10000-01-01 00:00:00+00"}},
		{"timestamptz", "datetime2(7)", []string{"0001-01-01 00:01:15+00", "9999-12-31 23:59:59.999999+00"}, []string{"0001-01-01 00:01:14.999999+00", "10000-01-01 00:00:00+00"}},
		{"timestamptz, " + texts, "datetimeoffset(7)", []string{"0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"}, []string{"0001-12-31 23:59:59.999999+00 BC", "10000-01-01 00:00:00+00"}},
		// A datetimeoffset has no seconds in its offset, and at most 14 hours.
		{"timestamptz, " + texts, "datetimeoffset(0)", []string{"1800-01-01 00:00:00-00:01:15", "2024-05-01 12:00:00+15:59"}, []string{"0001-12-31 23:59:59+00 BC", "10000-01-01 00:00:00+00"}},
	}
}

// otherLimits are of values that have no order, and so no neighbours.
func otherLimits() []limit {
	const texts = "text, varchar, name, enum"
	uuids := []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "00112233-4455-6677-8899-aabbccddeeff"}
	return []limit{
		{texts + ", bpchar", "varchar(max)", []string{"", "a  ", "€ß’"}, nil},
		{texts + ", bpchar", "nvarchar(max)", []string{"", "a  ", "日😀"}, nil},
		{"text, bpchar", "nchar(5), nvarchar(5)", []string{"", "ab日😀"}, []string{"abc日😀"}},
		{texts, "uniqueidentifier", uuids, nil},
		{texts + ", xml", "xml", []string{`<a b="1"> é日😀</a>`, "a<b/>"}, nil},
		{"xml", "varchar(max)", []string{`<a b='1'> é</a>`}, nil},
		{"xml", "nvarchar(max)", []string{`<a b='1'> é日😀</a>`}, nil},
		{"bytea", "binary(8)", []string{`\x0000000000000000`, `\xffffffffffffffff`, `\x0102030405060700`}, []string{`\x00000000000000`, `\xffffffffffffffffff`}},
		{"bytea", "varbinary(max)", []string{`\x`, `\x` + strings.Repeat("ff", 9000), `\x0100`}, nil},
		{"bytea", "varbinary(3)", []string{`\x`, `\xffffff`}, []string{`\xffffffff`}},
		{"uuid", "varchar(max), nvarchar(max), uniqueidentifier", uuids, nil},
		{"inet", "varchar(max), nvarchar(max)", []string{"0.0.0.0/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}, nil},
	}
}

// hasEnds reports whether the values of a pair are numbers, dates or times, and
// so have a least and a greatest one.
func (p typePair) hasEnds(t *testing.T) bool {
	switch typed(t, p.dst).class() {
	case classInteger, classBit, classDecimal, classMoney, classFloat, classTime:
		return true
	}
	switch from := sourceFamily(p.src); from {
	case familyInteger, familyDecimal, familyFloat4, familyFloat8:
		return true
	default:
		return from >= familyDate && from <= familyInstant
	}
}

// TestNothingIsCarriedBeyondTheLimits sees that the values at the limits are the
// last ones: what is beyond them is refused, or is none of the source's type.
func TestNothingIsCarriedBeyondTheLimits(t *testing.T) {
	back := toPostgres(t)
	for _, l := range limits() {
		for _, p := range l.pairs() {
			codec := codecFor(t, p.src, p.dst, codecOptions{zone: london(t)})
			for _, text := range l.beyond {
				if _, err := codec.encode(capture.Text(text)); err == nil && inSource(t, back, p.src, text) {
					t.Errorf("%s to %s carries %.40q, which is beyond its limits", p.src, p.dst, text)
				}
			}
		}
	}
}

// inSource reports whether PostgreSQL has a value of a type: all text is one, but
// for the length of a name and of an enum's.
func inSource(t *testing.T, back *pgx.Conn, base, text string) bool {
	t.Helper()
	if base == "name" || base == "enum" {
		return len(text) < 64
	}
	if from := sourceFamily(base); from == familyText || from == familyBlank {
		return true
	}
	_, err := back.Exec(t.Context(), "SELECT $1::text::"+base, text)
	return err == nil
}
