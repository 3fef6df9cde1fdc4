package sqlservertest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"
)

// reader reads a message. What is wrong with it ends the reading with a panic of
// type *sqlError, which catch turns into an error: a request has no use in parts.
type reader struct {
	b []byte
}

// catch turns a panic of the reader or the parser into an error.
func catch(err *error) {
	switch r := recover().(type) {
	case nil:
	case *sqlError:
		*err = r
	default:
		panic(r)
	}
}

func (r *reader) fail(what string) { panic(errUnknown(what)) }

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		panic(errf(4002, 16, "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream ended unexpectedly."))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) uint16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) bVarChar() string { return decodeUTF16(r.take(2 * int(r.byte()))) }

// headers skips ALL_HEADERS, MS-TDS 2.2.5.3.
func (r *reader) headers() { r.take(int(r.uint32()) - 4) }

// plp reads a value in chunks; nil is NULL.
func (r *reader) plp() []byte {
	if r.uint64() == math.MaxUint64 {
		return nil
	}
	b := []byte{}
	for {
		n := r.uint32()
		if n == 0 {
			return b
		}
		b = append(b, r.take(int(n))...)
	}
}

// value is one with its type, in PostgreSQL's text form; nil is NULL.
type value struct {
	typ  sqlType
	text []byte
}

// value reads a parameter: its type, and its value.
func (r *reader) value() value {
	t, id, plp := readTypeInfo(r)
	var raw []byte
	switch {
	case plp:
		raw = r.plp()
	case id == tdsNull:
	case id == tdsText || id == tdsNtext || id == tdsImage:
		if n := int32(r.uint32()); n >= 0 {
			raw = r.take(int(n))
		}
	case id >= 0xa0: // two bytes of length
		if n := r.uint16(); n != 0xffff {
			raw = r.take(int(n))
		}
	case fixedTypes[id] != kNull:
		raw = r.take(t.maxLength())
	default:
		if n := r.byte(); n > 0 {
			raw = r.take(int(n))
		}
	}
	if raw == nil {
		return value{typ: t}
	}
	return value{t, r.text(t, raw)}
}

// text is raw in PostgreSQL's text form.
func (r *reader) text(t sqlType, raw []byte) []byte {
	switch t.family() {
	case fString:
		s := ""
		if t.unicode() {
			s = decodeUTF16(raw)
		} else {
			s = decode1252(raw)
		}
		if bytes.IndexByte([]byte(s), 0) >= 0 {
			r.fail("text that holds NUL, which PostgreSQL cannot store")
		}
		return []byte(s)
	case fBinary:
		return []byte(`\x` + hex.EncodeToString(raw))
	}
	want := t.maxLength()
	if len(raw) != want && t.kind != kDecimal {
		panic(errf(8016, 16, "The incoming tabular data stream (TDS) remote procedure call (RPC) protocol stream is incorrect. Parameter has an invalid data length or metadata length."))
	}
	return []byte(fixedText(t, raw))
}

func fixedText(t sqlType, raw []byte) string {
	var n uint64
	for i := min(len(raw), 8) - 1; i >= 0; i-- {
		n = n<<8 | uint64(raw[i])
	}
	switch t.kind {
	case kBit:
		return strconv.Itoa(int(min(n, 1)))
	case kTinyint, kBigint:
		return strconv.FormatInt(int64(n), 10)
	case kSmallint:
		return strconv.Itoa(int(int16(n)))
	case kInt:
		return strconv.Itoa(int(int32(n)))
	case kReal:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(n))), 'g', -1, 32)
	case kFloat:
		return strconv.FormatFloat(math.Float64frombits(n), 'g', -1, 64)
	case kSmallmoney:
		return scaledText(big.NewInt(int64(int32(n))), 4)
	case kMoney:
		return scaledText(big.NewInt(int64(n<<32|n>>32)), 4)
	case kDecimal:
		v := new(big.Int)
		for i := len(raw) - 1; i >= 1; i-- {
			v.Or(v.Lsh(v, 8), big.NewInt(int64(raw[i])))
		}
		if raw[0] == 0 {
			v.Neg(v)
		}
		return scaledText(v, t.scale)
	case kUniqueidentifier:
		b := append([]byte(nil), raw...)
		swapUUID(b)
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
	}
	return timeText(t, raw)
}

// scaledText is n divided by ten to the scale.
func scaledText(n *big.Int, scale int) string {
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	digits := fmt.Sprintf("%0*s", scale+1, new(big.Int).Abs(n))
	if scale == 0 {
		return sign + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

const timestampLayout = "2006-01-02 15:04:05.000000"

func timeText(t sqlType, raw []byte) string {
	little := func(b []byte) (n int64) {
		for i := len(b) - 1; i >= 0; i-- {
			n = n<<8 | int64(b[i])
		}
		return n
	}
	switch t.kind {
	case kSmalldatetime:
		return day1900.AddDate(0, 0, int(little(raw[:2]))).Add(time.Duration(little(raw[2:])) * time.Minute).Format(timestampLayout)
	case kDatetime:
		ms := (little(raw[4:])*10 + 1) / 3
		return day1900.AddDate(0, 0, int(int32(little(raw[:4])))).Add(time.Duration(ms) * time.Millisecond).Format(timestampLayout)
	case kDate:
		return day0.AddDate(0, 0, int(little(raw))).Format("2006-01-02")
	}
	n := timeSize(t.scale)
	clock := time.Duration(little(raw[:n])) * time.Duration(math.Pow10(9-t.scale))
	if t.kind == kTime {
		return day0.Add(clock).Round(time.Microsecond).Format("15:04:05.000000")
	}
	at := day0.AddDate(0, 0, int(little(raw[n:n+3]))).Add(clock).Round(time.Microsecond)
	if t.kind == kDatetime2 {
		return at.Format(timestampLayout)
	}
	return fmt.Sprintf(`("%s",%d)`, at.Format(timestampLayout), int16(little(raw[n+3:])))
}
