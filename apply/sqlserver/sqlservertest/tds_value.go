package sqlservertest

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Values: PostgreSQL's text form on one side, TDS on the other (MS-TDS 2.2.5.5).

// appendValue writes a value of t; nil is NULL, which not every form can be
// within a row (those go as NBCROW).
func appendValue(b []byte, t sqlType, text []byte) ([]byte, error) {
	k := wireKind(t)
	switch k {
	case kChar, kVarchar, kText, kNchar, kNvarchar, kNtext, kXML, kBinary, kVarbinary, kImage, kRowversion:
		return appendBytes(b, k, t, text)
	}
	if text == nil {
		return append(b, 0), nil
	}
	at := len(b)
	b, err := appendFixed(append(b, 0), k, t, string(text))
	if err != nil {
		return b, fmt.Errorf("a value of type %s does not read as one: %w", t, err)
	}
	b[at] = byte(len(b) - at - 1)
	return b, nil
}

// appendBytes writes the kinds whose length is two bytes, or more.
func appendBytes(b []byte, k kind, t sqlType, text []byte) ([]byte, error) {
	plp := t.len == maxLen || t.kind == kXML || k != t.kind && t.len > 4000
	long := k == kText || k == kNtext || k == kImage
	if text == nil {
		switch {
		case long:
			return append(b, 0), nil
		case plp:
			return binary.LittleEndian.AppendUint64(b, math.MaxUint64), nil
		}
		return append(b, 0xff, 0xff), nil
	}
	raw, err := rawBytes(k, text)
	switch {
	case err != nil:
		return b, err
	case long:
		b = append(b, 16)
		b = append(b, make([]byte, 24)...) // text pointer and timestamp
		b = binary.LittleEndian.AppendUint32(b, uint32(len(raw)))
	case plp:
		b = binary.LittleEndian.AppendUint64(b, uint64(len(raw)))
		if len(raw) > 0 {
			b = binary.LittleEndian.AppendUint32(b, uint32(len(raw)))
			b = append(b, raw...)
		}
		return append(b, 0, 0, 0, 0), nil
	default:
		b = binary.LittleEndian.AppendUint16(b, uint16(len(raw)))
	}
	return append(b, raw...), nil
}

func rawBytes(k kind, text []byte) ([]byte, error) {
	switch k {
	case kNchar, kNvarchar, kNtext, kXML:
		return appendUTF16(make([]byte, 0, 2*len(text)), string(text)), nil
	case kChar, kVarchar, kText:
		raw := make([]byte, 0, len(text))
		for _, r := range string(text) {
			c, _ := byte1252(r)
			raw = append(raw, c)
		}
		return raw, nil
	}
	s, ok := strings.CutPrefix(string(text), `\x`)
	if !ok {
		return nil, fmt.Errorf("bytes without their prefix")
	}
	return hex.DecodeString(s)
}

// appendFixed writes the bytes of the other kinds.
func appendFixed(b []byte, k kind, t sqlType, s string) ([]byte, error) {
	switch k {
	case kNull, kBit, kTinyint, kSmallint, kInt, kBigint:
		n, err := strconv.ParseInt(s, 10, 64)
		size := t.maxLength()
		if k == kNull {
			size = 4
		}
		return appendInt(b, uint64(n), size), err
	case kReal:
		f, err := strconv.ParseFloat(s, 32)
		return appendInt(b, uint64(math.Float32bits(float32(f))), 4), err
	case kFloat:
		f, err := strconv.ParseFloat(s, 64)
		return appendInt(b, math.Float64bits(f), 8), err
	case kSmallmoney, kMoney:
		n, err := unscaled(s, 4)
		if err != nil {
			return b, err
		}
		v := uint64(n.Int64())
		if k == kSmallmoney {
			return appendInt(b, v, 4), nil
		}
		return appendInt(appendInt(b, v>>32, 4), v, 4), nil
	case kDecimal:
		return appendDecimal(b, t, s)
	case kUniqueidentifier:
		raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
		if err != nil || len(raw) != 16 {
			return b, fmt.Errorf("not a uuid")
		}
		swapUUID(raw)
		return append(b, raw...), nil
	}
	return appendTime(b, k, t, s)
}

func appendInt(b []byte, v uint64, size int) []byte {
	for range size {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

func appendDecimal(b []byte, t sqlType, s string) ([]byte, error) {
	n, err := unscaled(s, t.scale)
	if err != nil {
		return b, err
	}
	sign := byte(1)
	if n.Sign() < 0 {
		sign = 0
	}
	size := decimalSize(t.prec) - 1
	if n.BitLen() > 8*size {
		return b, fmt.Errorf("too big")
	}
	digits := n.Abs(n).FillBytes(make([]byte, size))
	b = append(b, sign)
	for i := size - 1; i >= 0; i-- {
		b = append(b, digits[i])
	}
	return b, nil
}

// unscaled is a decimal's value times ten to the scale; digits beyond it are
// cut.
func unscaled(s string, scale int) (*big.Int, error) {
	whole, frac, _ := strings.Cut(s, ".")
	frac = (frac + strings.Repeat("0", scale))[:scale]
	n, ok := new(big.Int).SetString(whole+frac, 10)
	if !ok {
		return nil, fmt.Errorf("not a decimal")
	}
	return n, nil
}

// swapUUID changes between the byte order of text and that of a
// uniqueidentifier: its first three fields are little-endian.
func swapUUID(b []byte) {
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5] = b[5], b[4]
	b[6], b[7] = b[7], b[6]
}

// day0 is the first day of date, datetime2 and datetimeoffset; day1900 that of
// datetime and smalldatetime.
var (
	day0    = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	day1900 = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
)

const secondsOfDay = 86400

// daysSince counts whole days; a Duration would overflow.
func daysSince(t, day time.Time) int { return int((t.Unix() - day.Unix()) / secondsOfDay) }

func appendTime(b []byte, k kind, t sqlType, s string) ([]byte, error) {
	offset := 0
	layout := "2006-01-02 15:04:05.999999"
	switch k {
	case kDate:
		layout = "2006-01-02"
	case kTime:
		layout, s = "15:04:05.999999", strings.Replace(s, "24:00:00", "00:00:00", 1)
	case kDatetimeoffset: // ("2020-01-01 00:00:00",60)
		stamp, minutes, ok := strings.Cut(strings.Trim(s, "()"), ",")
		n, err := strconv.Atoi(minutes)
		if !ok || err != nil {
			return b, fmt.Errorf("not an instant with its offset")
		}
		s, offset = strings.Trim(stamp, `"`), n
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		return b, fmt.Errorf("not a time")
	}
	sinceMidnight := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute +
		time.Duration(at.Second())*time.Second + time.Duration(at.Nanosecond())
	switch k {
	case kSmalldatetime:
		b = appendInt(b, uint64(daysSince(at, day1900)), 2)
		return appendInt(b, uint64(sinceMidnight/time.Minute), 2), nil
	case kDatetime:
		days := at.Unix() - day1900.Unix() - int64(sinceMidnight/time.Second)
		b = appendInt(b, uint64(days/secondsOfDay), 4)
		return appendInt(b, uint64((sinceMidnight.Milliseconds()*3+5)/10), 4), nil
	}
	if k != kDate {
		unit := time.Duration(math.Pow10(9 - t.scale))
		b = appendInt(b, uint64(sinceMidnight/unit), timeSize(t.scale))
	}
	if k != kTime {
		b = appendInt(b, uint64(daysSince(at, day0)), 3)
	}
	if k == kDatetimeoffset {
		b = appendInt(b, uint64(offset), 2)
	}
	return b, nil
}
