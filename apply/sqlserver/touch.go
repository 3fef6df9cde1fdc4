package sqlserver

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode"

	mssql "github.com/microsoft/go-mssqldb"
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

// touched adds what a change touches: rows, and the table itself, which a
// truncate takes away.
func (w *writing) touched(c *change, to *touches) {
	if *to == nil {
		*to = touches{}
	}
	add := func(r string, how touch) {
		if r != "" {
			(*to)[touched{r, how}] = struct{}{}
		}
	}
	table := resourceName(c.target.name, nil)
	if c.op == capture.Truncate {
		add(table, holds)
		add(table, removes)
		return
	}
	add(table, refers)
	before, after := c.imageOf(c.in.Before), c.imageOf(c.in.After)
	for _, columns := range c.identities() {
		old, now := c.resource(columns, before), c.resource(columns, after)
		add(old, holds)
		add(now, holds)
		if old != "" && old != now {
			add(old, removes)
		}
	}
	for _, ref := range c.references {
		add(c.referred(ref, before), refers)
		add(c.referred(ref, after), refers)
	}
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
	return "=" + strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFKD.String(s))
}

// mssqlChar is a text of ASCII, bound as one.
func mssqlChar(s string) mssql.VarChar { return mssql.VarChar(s) }
