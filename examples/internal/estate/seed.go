package estate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Seed makes an estate of so many current tenancies, and what goes with them:
// about six rows each. The same seed makes the same estate.
func Seed(seed uint64, tenancies int) (*Model, error) {
	m, err := newModel()
	if err != nil {
		return nil, err
	}
	g := &generator{Model: m, rng: rand.New(rand.NewPCG(seed, 1))}
	for n := range tenancies {
		if n%40 == 0 {
			g.block(n)
		}
		g.home(n, blockRef(n))
	}
	g.twins()
	return m, nil
}

// generator makes rows.
type generator struct {
	*Model
	rng      *rand.Rand
	contacts int
}

func pick[T any](g *generator, from []T) T { return from[g.rng.IntN(len(from))] }

// once reports true once in n times.
func (g *generator) once(n int) bool { return g.rng.IntN(n) == 0 }

// uuid returns a random UUID.
func (g *generator) uuid() string {
	a, b := g.rng.Uint64(), g.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

// date returns a day in the given years.
func (g *generator) date(from, to int) time.Time {
	return time.Date(from, 1, 1+g.rng.IntN(365*(to-from)), 0, 0, 0, 0, time.UTC)
}

func (g *generator) phoneNumber() string {
	return fmt.Sprintf("07700 9%05d", g.rng.IntN(100_000))
}

func blockRef(n int) string         { return fmt.Sprintf("9%07d", n/40) }
func propertyRef(n int) string      { return fmt.Sprintf("%08d", 10_000+n) }
func householdRef(n, of int) string { return fmt.Sprintf("%06d%02d", n+1, of) }
func tenancyRef(n, of int) string   { return fmt.Sprintf("%06d/%02d", n+1, of) }

// block is a block of forty flats: a property that nobody lives in.
func (g *generator) block(n int) {
	g.migrate("property", values{
		"property_ref": blockRef(n),
		"level":        "3",
		"address":      pick(g, streets) + " Estate, block " + strconv.Itoa(n/40+1),
		"postcode":     "E8 " + strconv.Itoa(1+n/40%9) + "AB",
		"bedrooms":     "0",
		"lettable":     "false",
		"property_id":  g.uuid(),
	})
}

// home is a dwelling, its current tenancy, and at every tenth an earlier one.
func (g *generator) home(n int, block string) {
	g.migrate("property", values{
		"property_ref": propertyRef(n),
		"block_ref":    block,
		"level":        "7",
		"address":      fmt.Sprintf("Flat %d, %d %s", n%40+1, 1+n/40, pick(g, streets)),
		"postcode":     fmt.Sprintf("E8 %dAB", 1+n/40%9),
		"bedrooms":     strconv.Itoa(1 + g.rng.IntN(4)),
		"lettable":     "true",
		"property_id":  g.uuid(),
	})
	of := 1
	if n%10 == 2 {
		g.tenancy(n, of, true)
		of++
	}
	g.tenancy(n, of, false)
}

func (g *generator) tenancy(n, of int, ended bool) {
	ref, house := tenancyRef(n, of), householdRef(n, of)
	start := g.date(1990, 2010)
	t := values{
		"tenancy_ref":    ref,
		"property_ref":   propertyRef(n),
		"household_ref":  house,
		"tenure":         pick(g, []string{"SEC", "INT", "ASY"}),
		"start_date":     start.Format(time.DateOnly),
		"ended":          strconv.FormatBool(ended),
		"rent":           money(7_500 + g.rng.IntN(9_000)),
		"service_charge": money(g.rng.IntN(2_500)),
		"balance":        money(g.rng.IntN(90_000) - 20_000),
	}
	if ended {
		t["end_date"] = start.AddDate(1, g.rng.IntN(90), 0).Format(time.DateOnly)
	}
	switch {
	case n%400 == 5:
		t["notes"] = g.longNote()
	case g.once(3):
		t["notes"] = pick(g, notes)
	}
	g.migrate("tenancy", t)
	g.household(house)
	g.diary(ref, t["balance"])
	g.opening(n, of, ref)
	if g.once(2) {
		g.contact(ref)
	}
}

// longNote is one that PostgreSQL stores out of line, so that an update of
// another column does not send it.
func (g *generator) longNote() string {
	var b strings.Builder
	for b.Len() < 6_000 {
		b.WriteString(g.uuid() + " – £\n")
	}
	return b.String()
}

func (g *generator) household(ref string) {
	surname := pick(g, surnames)
	for person := range 1 + g.rng.IntN(3) {
		g.migrate("household_member", g.person(ref, person+1, surname))
	}
}

func (g *generator) person(household string, no int, surname string) values {
	p := values{
		"household_ref":  household,
		"person_no":      strconv.Itoa(no),
		"forename":       pick(g, forenames),
		"surname":        surname,
		"search_surname": strings.ToLower(surname),
		"responsible":    strconv.FormatBool(no == 1),
		"date_of_birth":  g.date(1930, 2020).Format(time.DateOnly),
		"gender":         pick(g, []string{"F", "M", "?"}),
	}
	if !g.once(3) {
		p["title"] = pick(g, titles)
	}
	if g.once(2) {
		p["mobile"] = g.phoneNumber()
	}
	if g.once(2) {
		p["ni_number"] = fmt.Sprintf("QQ%06dC", g.rng.IntN(1_000_000))
	}
	return p
}

func (g *generator) diary(tenancy, balance string) {
	for no := range g.rng.IntN(4) {
		taken := g.date(2020, 2024).Add(time.Duration(9*3600_000+g.rng.IntN(8*3600_000)) * time.Millisecond)
		a := g.diaryEntry(tenancy, no+1, taken)
		a["balance"] = balance
		if g.once(4) {
			a["deferred_until"] = taken.AddDate(0, 0, 14).Format(time.DateOnly)
		}
		g.migrate("arrears_action", a)
	}
}

func (g *generator) diaryEntry(tenancy string, no int, taken time.Time) values {
	return values{
		"tenancy_ref":  tenancy,
		"action_set":   "1",
		"action_no":    strconv.Itoa(no),
		"code":         pick(g, []string{"TEL", "LET", "VIS"}),
		"taken_at":     instant(taken),
		"balance":      "0.00",
		"comment":      pick(g, comments),
		"officer":      pick(g, usernames),
		"comment_only": strconv.FormatBool(g.once(2)),
	}
}

// opening is the balance that was brought forward when the year began.
func (g *generator) opening(n, of int, tenancy string) {
	g.migrate("rent_transaction", values{
		"batch_no":       "1",
		"line_no":        strconv.Itoa(10*n + of),
		"tenancy_ref":    tenancy,
		"kind":           "BBF",
		"amount":         money(g.rng.IntN(90_000) - 20_000),
		"posted_at":      fmt.Sprintf("2024-04-01 06:00:%02d", (7+n)%60),
		"rent_year":      "2024",
		"rent_week":      "1",
		"transaction_id": g.uuid(),
	})
}

func (g *generator) contact(tenancy string) {
	g.contacts++
	g.migrate("contact", g.contactRow(g.contacts, tenancy))
}

func (g *generator) contactRow(ref int, tenancy string) values {
	c := values{
		"contact_ref": strconv.Itoa(ref),
		"tenancy_ref": tenancy,
		"name":        pick(g, forenames) + " " + pick(g, surnames),
		"emergency":   strconv.FormatBool(g.once(2)),
	}
	if g.once(2) {
		c["address"] = strconv.Itoa(1+g.rng.IntN(200)) + " " + pick(g, streets)
	}
	if !g.once(4) {
		c["phone"] = g.phoneNumber()
	}
	return c
}

// twins are two contacts that are alike in every column, as happens in a table
// without a key.
func (g *generator) twins() {
	g.contacts++
	twin := g.contactRow(g.contacts, tenancyRef(0, 1))
	g.migrate("contact", twin)
	g.migrate("contact", twin)
}

// instant prints a time as PostgreSQL prints a timestamptz(3) to a session in
// UTC.
func instant(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04:05.999") + "+00"
}
