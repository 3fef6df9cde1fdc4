package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/resolve"
)

// TestSecretsAreNowhereInClear: neither the ledger nor what is parked has a
// secret column's value, nor a hash of it that can be made without the key; what
// is parked comes back all the same.
func TestSecretsAreNowhereInClear(t *testing.T) {
	d := newDatabase(t, rents)
	ten := rentTable()
	m := rentMapping(resolve.Parked("see to it"))
	m.Secret = []string{"note", "code"}
	d.cfg.LedgerKey = []byte("sixteen or more bytes")
	a := d.open(m)
	d.do(a, 1, insert(ten, "1", "10", "whispered", "QZX", "-"))
	d.exec(`UPDATE dbo.rent SET note = 'shouted', amount = 11`)
	d.do(a, 2, update(ten, row("1", "10.00", "whispered", "QZX", "-"), row("1", "12", "sung", "QZX", "-")))
	d.do(a, 3, insert(ten, "2", "20", "hummed", "qzx", "-")) // waits for the code

	var ours []string
	for _, table := range []string{"conflict", "parked", "parked_piece", "parked_key", "checkpoint"} {
		ours = append(ours, d.rows(`SELECT * FROM [syncback].[`+table+`]`)...)
	}
	all := strings.Join(ours, "\n")
	taken := resourceName(name{"dbo", "rent"}, []string{"code==qzx"})
	for _, secret := range []string{"whispered", "shouted", "sung", "hummed", "QZX", "qzx", taken} {
		if strings.Contains(all, secret) {
			t.Errorf("our tables have %q in clear", secret)
		}
	}
	if !strings.Contains(all, "hmac-sha256:") || len(d.rows(`SELECT 1 FROM syncback.parked`)) != 2 {
		t.Fatalf("nothing is recorded, or not both are parked: %s", all)
	}

	for name, key := range map[string]string{"another key": "another one of sixteen", "no key": ""} {
		cfg := d.cfg
		cfg.LedgerKey, cfg.Tables = []byte(key), []Table{rentMapping(resolve.Parked("see to it"))}
		if _, err := Open(t.Context(), cfg); err == nil || !strings.HasPrefix(err.Error(), "2 parked transactions were parked with another ledger key, or without one") {
			t.Errorf("with %s: %v", name, err)
		}
	}

	var id int64
	if err := d.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE position = 2`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	d.holds(readRents, "1     |12.00|sung|QZX")
}

// TestPieceThatIsNotWhatWasSealed is refused: one that was changed, and one of
// another transaction.
func TestPieceThatIsNotWhatWasSealed(t *testing.T) {
	s, err := newSeal([]byte("sixteen or more bytes"))
	if err != nil {
		t.Fatal(err)
	}
	sealed := s.close("body", "1/0 of p")
	if got, err := s.open(sealed, "1/0 of p"); got != "body" || err != nil {
		t.Fatalf("it comes back as %q, %v", got, err)
	}
	changed := "x" + sealed[1:]
	if changed == sealed {
		changed = "y" + sealed[1:]
	}
	for _, wrong := range [][2]string{{sealed, "2/0 of p"}, {changed, "1/0 of p"}, {"", "1/0 of p"}, {"{}", "1/0 of p"}} {
		if got, err := s.open(wrong[0], wrong[1]); err == nil || got != "" {
			t.Errorf("%q is taken for a piece of %s", wrong[0], wrong[1])
		}
	}
}
