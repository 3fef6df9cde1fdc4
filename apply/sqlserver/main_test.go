package sqlserver

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) {
	if main, ok := mains[filepath.Base(os.Args[0])]; ok {
		main()
		os.Exit(0)
	}
	os.Exit(postgrestest.Main(m, &cluster))
}

// database is a fresh database of a T-SQL server, with our own tables in it.
type database struct {
	testing.TB
	db     *sql.DB
	cfg    Config
	server *sqlservertest.Server // nil for one that is not the stand-in
}

// newDatabase makes a database and runs statements in it.
func newDatabase(t testing.TB, statements ...string) *database {
	t.Helper()
	target := sqlservertest.Open(t, cluster)
	db, err := sql.Open("sqlserver", target.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	d := &database{TB: t, db: db, cfg: Config{DSN: target.DSN, Pipeline: "test", LockTimeout: time.Second}, server: target.Server}
	d.exec(DDL(""))
	for _, s := range statements {
		d.exec(s)
	}
	return d
}

func (d *database) exec(statement string, args ...any) {
	d.Helper()
	if _, err := d.db.ExecContext(d.Context(), statement, args...); err != nil {
		d.Fatalf("%s: %v", statement, err)
	}
}

// holds expects the rows of a query, each as its values with | between them.
func (d *database) holds(query string, want ...string) {
	d.Helper()
	got := d.rows(query)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		d.Fatalf("%s\n\tgives %q\n\tnot   %q", query, got, want)
	}
}

func (d *database) rows(query string) (out []string) {
	d.Helper()
	for _, values := range sqlservertest.Rows(d, d.db, query) {
		var texts []string
		for _, v := range values {
			if !v.Valid {
				v.String = "NULL"
			}
			texts = append(texts, v.String)
		}
		out = append(out, strings.Join(texts, "|"))
	}
	return out
}

// open returns an applier of the given tables.
func (d *database) open(tables ...Table) *Applier {
	d.Helper()
	cfg := d.cfg
	cfg.Tables = tables
	a, err := Open(d.Context(), cfg)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = a.Close() })
	return a
}

// sourceTable makes a source table of columns given as "name type", a key column
// with a star in front.
func sourceTable(name string, columns ...string) *capture.Table {
	t := &capture.Table{Schema: "public", Name: name, Identity: capture.IdentityFull}
	for _, c := range columns {
		n, base, _ := strings.Cut(strings.TrimPrefix(c, "*"), " ")
		t.Columns = append(t.Columns, capture.Column{Name: n, Base: base, Modifier: -1, Key: c[0] == '*'})
	}
	return t
}

// row makes an image: "-" is null, "?" is absent.
func row(values ...string) capture.Row {
	var r capture.Row
	for _, v := range values {
		switch v {
		case "-":
			r = append(r, capture.Null())
		case "?":
			r = append(r, capture.Value{})
		default:
			r = append(r, capture.Text(v))
		}
	}
	return r
}

func insert(t *capture.Table, after ...string) capture.Change {
	return capture.Change{Op: capture.Insert, Table: t, After: row(after...)}
}

func update(t *capture.Table, before, after capture.Row) capture.Change {
	return capture.Change{Op: capture.Update, Table: t, Before: before, After: after}
}

func remove(t *capture.Table, before ...string) capture.Change {
	return capture.Change{Op: capture.Delete, Table: t, Before: row(before...)}
}

// tx makes a transaction.
func tx(position capture.Position, changes ...capture.Change) *capture.Tx {
	return &capture.Tx{Source: "test", Position: position, Changes: capturetest.Changes(changes...)}
}

// do applies one transaction and expects it to be accepted.
func (d *database) do(a *Applier, position capture.Position, changes ...capture.Change) {
	d.Helper()
	if err := a.Apply(d.Context(), []*capture.Tx{tx(position, changes...)}); err != nil {
		d.Fatalf("transaction %s: %v", position, err)
	}
}

// refuses applies one transaction and expects an error that is not retryable,
// holds every one of the words, and leaves the checkpoint where it is.
func (d *database) refuses(a *Applier, position capture.Position, change capture.Change, words ...string) error {
	d.Helper()
	before := d.checkpoint(a)
	err := a.Apply(d.Context(), []*capture.Tx{tx(position, change)})
	if err == nil || capture.Retryable(err) {
		d.Fatalf("transaction %s: %v; want it refused for good", position, err)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			d.Errorf("%q does not say %q", err, w)
		}
	}
	if after := d.checkpoint(a); after != before {
		d.Errorf("the checkpoint moved from %s to %s", before, after)
	}
	return err
}

func (d *database) checkpoint(a *Applier) capture.Position {
	d.Helper()
	cp, err := a.Checkpoint(d.Context())
	if err != nil {
		d.Fatal(err)
	}
	return cp.Position
}

var _ apply.Applier = (*Applier)(nil)

// batches splits changes into transactions of a size, at ascending positions.
func batches(changes []capture.Change, size int) (out []*capture.Tx) {
	for i := 0; i < len(changes); i += size {
		out = append(out, tx(capture.Position(i+1), changes[i:min(i+size, len(changes))]...))
	}
	return out
}
