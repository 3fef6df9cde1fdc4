package sqlserver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue/queuetest"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

// mains are the programs that this test binary is under another name.
var mains = map[string]func(){"summing": func() { plugin.Serve(&summing{}) }}

// summing are rules in which what is done twice, or not at all, is seen in the
// end: a change adds to the target's amount. Some go to a person, and some fail,
// each as the note says.
type summing struct{ folder string }

// Configure implements plugin.Configurer. Each start of the plugin is a line of a
// file, with its process.
func (s *summing) Configure(config map[string]string) error {
	s.folder = config["folder"]
	f, err := os.OpenFile(filepath.Join(s.folder, "starts"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	return cmp.Or(err, f.Close())
}

func (s *summing) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	s.hold()
	note, _ := conflicts[0].Incoming[conflicts[0].Column("note")].Text()
	switch note {
	case "hang":
		select {}
	case "panic":
		panic("SECRET")
	case "exit":
		os.Exit(7)
	case "huge":
		return []resolve.Resolution{{Action: resolve.TakeSource, Reason: strings.Repeat("SECRET", 1<<18)}}, nil
	case "nonsense":
		return []resolve.Resolution{{Action: resolve.TakeRow, Row: row("1")}}, nil
	case "park":
		return resolve.Parked("the note says so").Resolve(ctx, conflicts)
	}
	return resolve.Merge(resolve.Merging{Both: resolve.SourceColumn(), Columns: map[string]resolve.ColumnRule{"amount": resolve.Additive()}}).Resolve(ctx, conflicts)
}

// hold says that a call is being made, and does not end, where the file hold is
// there.
func (s *summing) hold() {
	if os.Rename(s.file("hold"), s.file("held")) == nil {
		select {}
	}
}

func (s *summing) file(name string) string { return filepath.Join(s.folder, name) }

// startSumming starts the rules as a plugin.
func startSumming(t testing.TB, folder string, edit func(*plugin.Config)) *plugin.Plugin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "summing")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	c := plugin.Config{
		Name: "summing", Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(text)), Config: map[string]string{"folder": folder},
		StartTimeout: time.Minute, CallTimeout: time.Minute,
		Backoff: capture.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond},
	}
	if edit != nil {
		edit(&c)
	}
	p, err := plugin.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

const accounts = `CREATE TABLE dbo.account (ref int NOT NULL PRIMARY KEY, amount numeric(9,2) NOT NULL, note varchar(20) NULL)`

func accountTable() *capture.Table {
	return sourceTable("account", "*ref int4", "amount numeric", "note text")
}

// askedSite is a target whose users added 100 to each of its accounts: a change of
// an amount in the source is a conflict.
type askedSite struct {
	*database
	account *capture.Table
	known   map[int]capture.Row // as the source has it
	at      capture.Position
}

func newAskedSite(t testing.TB, accountsThere int) *askedSite {
	s := &askedSite{database: newDatabase(t, accounts), account: accountTable(), known: map[int]capture.Row{}, at: 1}
	var changes []capture.Change
	for ref := range accountsThere {
		s.known[ref] = row(strconv.Itoa(ref), "10", "-")
		changes = append(changes, capture.Change{Op: capture.Insert, Table: s.account, After: s.known[ref]})
	}
	s.do(s.open(Table{Source: "account", Target: "account"}), 1, changes...)
	s.exec(`UPDATE dbo.account SET amount = amount + 100`)
	return s
}

// mapping leaves the table's conflicts to a rule.
func (s *askedSite) mapping(rule resolve.Resolver) Table {
	return Table{Source: "account", Target: "account", Conflict: rule, Rule: "summing"}
}

// adding is a change of an account in the source.
func (s *askedSite) adding(ref, amount int, note string) capture.Change {
	before := s.known[ref]
	text, _ := before[1].Text()
	has, _ := strconv.Atoi(text)
	s.known[ref] = row(strconv.Itoa(ref), strconv.Itoa(has+amount), note)
	return update(s.account, before, s.known[ref])
}

// drain applies transactions, one in each of the target's, until all are applied
// or it cannot go on.
func (s *askedSite) drain(a *Applier, txs ...*capture.Tx) error {
	s.Helper()
	q := queuetest.NewMemory()
	defer q.Close()
	for _, tx := range txs {
		if err := q.Write(s.Context(), tx); err != nil {
			s.Fatal(err)
		}
	}
	if _, err := q.Sync(s.Context()); err != nil {
		s.Fatal(err)
	}
	return apply.Drain(s.Context(), q, a, apply.Config{
		Until: txs[len(txs)-1].Position, MaxTxs: 1, Backoff: capture.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond},
	})
}

// next makes the next transaction.
func (s *askedSite) next(changes ...capture.Change) *capture.Tx {
	s.at++
	return tx(s.at, changes...)
}

// all is everything that the target then has: rows, ledger, and what is parked.
func (s *askedSite) all() (out []string) {
	for _, query := range []string{
		`SELECT ref, amount, note FROM dbo.account ORDER BY ref`,
		`SELECT position, change_no, kind, op, row_key, base, incoming, current_row, result, rule_name, action, reason FROM syncback.conflict ORDER BY position, change_no`,
		`SELECT position, CASE WHEN conflict IS NULL THEN 'behind' ELSE 'waits' END, changes FROM syncback.parked ORDER BY position`,
		`SELECT position, piece, body FROM syncback.parked_piece ORDER BY position, piece`,
		`SELECT resource, touch, position FROM syncback.parked_key ORDER BY position, resource, touch`,
		`SELECT position, parked FROM syncback.[checkpoint]`,
	} {
		out = append(append(out, query), s.rows(query)...)
	}
	return out
}
