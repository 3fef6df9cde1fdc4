package main_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// cell is a value: what the source is given, and the text by which the target's
// is known.
type cell struct {
	null     bool
	in, want string
}

// sql is the source's literal.
func (c cell) sql() string {
	if c.null {
		return "NULL"
	}
	return "'" + strings.ReplaceAll(c.in, "'", "''") + "'"
}

// cellOf reads an element of typePair.values.
func (p typePair) cellOf(value string) cell {
	in, want, other := strings.Cut(value, " => ")
	if !other {
		want = in
	}
	name, length, _ := strings.Cut(strings.TrimSuffix(p.to, ")"), "(")
	if n, err := strconv.Atoi(length); err == nil && (name == "char" || name == "nchar") {
		want = fmt.Sprintf("%-*s", n, strings.TrimRight(want, " "))
	}
	return cell{in: in, want: want}
}

// pick picks any value, known one of those that are written down.
func (p typePair) pick(r *rand.Rand) cell {
	if p.random != nil && r.IntN(2) == 0 {
		return p.cellOf(p.random(r))
	}
	return p.known(r)
}

func (p typePair) known(r *rand.Rand) cell { return p.cellOf(p.values[r.IntN(len(p.values))]) }

// alike returns another spelling of a value that the target holds as it holds c.
func (p typePair) alike(c cell) (cell, bool) {
	for _, v := range p.values {
		if other := p.cellOf(v); other.want == c.want && other.in != c.in && !c.null {
			return other, true
		}
	}
	return c, false
}

func randomInt(r *rand.Rand) string { return strconv.Itoa(int(int32(r.Uint32()))) }

func randomDecimal(r *rand.Rand) string {
	return fmt.Sprintf("%d.%010d", 1+r.Int64N(1e15), r.Int64N(1e10))
}

func randomFloat(r *rand.Rand) string { return strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64) }

func randomUUID(r *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", r.Uint32(), r.IntN(1<<16), r.IntN(1<<16), r.IntN(1<<16), r.Int64N(1<<48))
}

func randomTimestamp(r *rand.Rand) string {
	return time.Unix(r.Int64N(4e9), 1000*r.Int64N(1e6)).UTC().Format("2006-01-02 15:04:05.999999")
}

// largeValue is the length from which the source keeps a value out of line, in
// TOAST, and does not send it when it is unchanged: random letters do not
// compress.
const largeValue = 5000

func randomLength(r *rand.Rand) int {
	if r.IntN(4) == 0 {
		return largeValue + r.IntN(20000)
	}
	return r.IntN(40)
}

func randomOf(r *rand.Rand, letters string) string {
	from := []rune(letters)
	out := make([]rune, randomLength(r))
	for i := range out {
		out[i] = from[r.IntN(len(from))]
	}
	return string(out)
}

func randomText(r *rand.Rand) string {
	return randomOf(r, "abcdefghijklmnopqrstuvwxyzABC 0123456789'\"\\%?@$-é€ßÅ日本😀\t\n")
}

func randomASCII(r *rand.Rand) string {
	return randomOf(r, "abcdefghijklmnopqrstuvwxyzABCDEFG 0123456789'\"\\%?@$-;[]{}")
}

func randomBytes(r *rand.Rand) string {
	raw := make([]byte, randomLength(r))
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	text := hex.EncodeToString(raw)
	return `\x` + text + " => " + text
}

// targetText is the text by which a value of the target is known, from what the
// driver makes of the column itself: no conversion of the server's is between.
func targetText(to string, scanned any) (string, error) {
	name, _, _ := strings.Cut(to, "(")
	switch v := scanned.(type) {
	case nil:
		return "NULL", nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case bool:
		return map[bool]string{false: "0", true: "1"}[v], nil
	case float64:
		if name == "real" {
			return strconv.FormatFloat(v+0, 'g', -1, 32), nil // + 0 makes a negative zero positive
		}
		return strconv.FormatFloat(v+0, 'g', -1, 64), nil
	case string:
		return v, nil
	case time.Time:
		return v.Format(timeLayout(name)), nil
	case []byte:
		return bytesText(name, v)
	default:
		return "", fmt.Errorf("%s arrived as %T", to, scanned)
	}
}

func timeLayout(name string) string {
	switch name {
	case "date":
		return "2006-01-02"
	case "time":
		return "15:04:05.999999"
	case "datetimeoffset":
		return "2006-01-02 15:04:05.999999-07:00"
	default:
		return "2006-01-02 15:04:05.999999"
	}
}

func bytesText(name string, raw []byte) (string, error) {
	switch name {
	case "binary", "varbinary", "image":
		return hex.EncodeToString(raw), nil
	case "uniqueidentifier":
		var id mssql.UniqueIdentifier
		err := id.Scan(raw)
		return strings.ToLower(id.String()), err
	default:
		return string(raw), nil
	}
}
