package sqlserver

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"

	mssql "github.com/microsoft/go-mssqldb"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/syncback/syncback/capture"
)

// touch is what a change does to a resource: to a row, known by the columns of a
// key or of a unique index and their values, or to such values that no row has.
type touch uint8

// The touches, as our own table has them.
const (
	holds   touch = 1 // changes the row, or makes one with these values
	refers  touch = 2 // has a row that refers to it
	removes touch = 3 // takes the row, or its values, away
)

// waitsFor are the touches of a parked transaction behind which one waits.
func (t touch) waitsFor() []touch {
	switch t {
	case removes: // a row is not taken away from those that refer to it
		return []touch{refers}
	default:
		return []touch{holds}
	}
}

// touched is one touch of one resource.
type touched struct {
	resource string // 32 hexadecimal digits
	how      touch
}

type touches map[touched]struct{}

// add adds a touch, unless it is of no resource.
func (t touches) add(resource string, how touch) {
	if resource != "" {
		t[touched{resource, how}] = struct{}{}
	}
}

// touched adds what a change touches: rows, and the table itself, which a
// truncate takes away.
func (w *writing) touched(c *change, to *touches) {
	if *to == nil {
		*to = touches{}
	}
	table := resourceName(c.target.name, nil)
	if c.op == capture.Truncate {
		to.add(table, holds)
		to.add(table, removes)
		return
	}
	to.add(table, refers)
	c.touchedRow(c.imageOf(c.in.Before), c.imageOf(c.in.After), *to)
}

// touchedRow adds what it touches to make one image of a row the other, and
// reports whether any of it tells which row that is.
func (p *plan) touchedRow(before, after rowImage, to touches) (told bool) {
	for _, columns := range p.identities() {
		old, now := p.resource(columns, before), p.resource(columns, after)
		to.add(old, holds)
		to.add(now, holds)
		if old != "" && old != now {
			to.add(old, removes)
		}
		told = told || old != "" || now != ""
	}
	for _, ref := range p.references {
		to.add(p.referred(ref, before), refers)
		to.add(p.referred(ref, after), refers)
	}
	return told
}

// identities are the sets of columns by which a row of the plan's target is told
// from others: its key, and its unique indexes.
func (p *plan) identities() [][]int {
	var out [][]int
	if p.key != nil {
		out = append(out, p.key)
	} else {
		out = append(out, p.allColumns())
	}
	for _, u := range p.target.uniques {
		var set []int
		for _, column := range u.columns {
			i := p.indexOf(p.target.column(column))
			if i < 0 {
				set = nil // it is not ours to set
				break
			}
			set = append(set, i)
		}
		if set != nil && !slices.ContainsFunc(out, func(have []int) bool { return sameSet(have, set) }) {
			out = append(out, set)
		}
	}
	return out
}

func sameSet(a, b []int) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(i int) bool { return !slices.Contains(b, i) })
}

// resource names a row by some of its columns; "" where one is not known.
func (p *plan) resource(columns []int, row rowImage) string {
	if row == nil {
		return ""
	}
	var parts []string
	for _, i := range columns {
		value := row[i].fold()
		if value == "" {
			return ""
		}
		parts = append(parts, strings.ToLower(p.columns[i].to.name)+"="+value)
	}
	return resourceName(p.target.name, parts)
}

// referred names the row that a row refers to; "" where it refers to none.
func (p *plan) referred(ref reference, row rowImage) string {
	if row == nil {
		return ""
	}
	var parts []string
	for k, column := range ref.columns {
		i := p.indexOf(column)
		if i < 0 || row[i].null || row[i].fold() == "" {
			return ""
		}
		parts = append(parts, ref.to[k]+"="+row[i].fold())
	}
	return resourceName(ref.table, parts)
}

func resourceName(table name, parts []string) string {
	slices.Sort(parts)
	table = table.fold()
	h := sha256.New()
	for _, s := range append([]string{table.schema, table.table}, parts...) {
		h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fold is a value as fold has it, or what the source has in place of one that the
// target cannot hold; "" where neither is known.
func (v imageValue) fold() string {
	switch {
	case v.known:
		return fold(v.bound)
	case v.unfit != "":
		return "!" + fold(bound{terms: v.unfit})
	default:
		return ""
	}
}

// fold is a value as a key is compared, or coarser: what the target's collation
// may take for the same is the same here. To hold back too much does no harm.
func fold(b bound) string {
	if b.null {
		return "-"
	}
	s := strings.TrimRight(b.terms, " ")
	if strings.Contains(s, ".") && digits(strings.Trim(strings.Replace(s, ".", "", 1), "-")) {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return "=" + foldText(s)
}

// foldText takes out of a text what some collation of Windows does not tell apart:
// case, width, accents, kana, letters that are written as two, what is not seen,
// and what has no weight in the older ones, as all beyond the first 65,536 has.
func foldText(s string) string {
	if isPlain(s) {
		return strings.ToLower(s)
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r > 0xFFFF, unicode.In(r, unicode.M, unicode.C), !unicode.IsPrint(r) && !unicode.IsSpace(r):
			return -1
		case r >= 'ぁ' && r <= 'ゖ':
			return r + ('ァ' - 'ぁ')
		}
		return r
	}, norm.NFKD.String(s))
	return strings.TrimRight(writtenAsOthers.Replace(cases.Fold().String(s)), " ")
}

// writtenAsOthers are the letters that collations take for others, and Unicode's
// own foldings do not.
var writtenAsOthers = strings.NewReplacer("æ", "ae", "œ", "oe", "þ", "th", "ð", "d", "đ", "d", "ø", "o", "ł", "l", "ħ", "h", "ŧ", "t", "ı", "i", "ĸ", "k", "ŋ", "n")

// isPlain reports whether a text is of ASCII's visible characters and blanks.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// mssqlChar is a text of ASCII, bound as one.
func mssqlChar(s string) mssql.VarChar { return mssql.VarChar(s) }
