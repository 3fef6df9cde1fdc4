package estate_test

import (
	"database/sql"
	"os"
	"testing"

	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/examples/internal/estate"
	"github.com/syncback/syncback/examples/internal/estate/estatetest"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }

// The model and the SQL of each action are written apart: here they meet.
func TestModelFollowsTheCloud(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3} {
		db := estatetest.Open(t, estate.Cloud, estatetest.CloudDSN(t, cluster))
		m := settle(t, db, estate.Cloud, seed)
		for a := range m.Day(seed) {
			if err := a.Run(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			m.Do(a)
			if holds(t, m, db, estate.Cloud); t.Failed() {
				t.Fatalf("seed %d, after %q", seed, a.Title)
			}
		}
	}
}

// What the model writes to a legacy database is read back as it was: padding,
// code page 1252, dates, and what the database computes by itself.
func TestLegacyHoldsTheModel(t *testing.T) {
	db := estatetest.Open(t, estate.Legacy, estatetest.LegacyDSN(t, cluster))
	holds(t, settle(t, db, estate.Legacy, 7), db, estate.Legacy)
}

// A row that is written with the values that it had is seen.
func TestVersionsTell(t *testing.T) {
	db := estatetest.Open(t, estate.Legacy, estatetest.LegacyDSN(t, cluster))
	m := settle(t, db, estate.Legacy, 7)
	tenancies := m.Tables[1]
	before := versions(t, db, tenancies)
	if len(before) != m.Count(tenancies) {
		t.Errorf("%d versions of %d rows", len(before), m.Count(tenancies))
	}
	if _, err := db.ExecContext(t.Context(), "UPDATE dbo.tenagree SET tenure = tenure WHERE tag_ref = '000002/01'"); err != nil {
		t.Fatal(err)
	}
	var r estate.Result
	m.Rewritten(&r, tenancies, before, versions(t, db, tenancies))
	if r.Rewritten != 1 || r.First[0].Key != "000002/01" {
		t.Errorf("000002/01 was written, and %+v was seen", r)
	}
}

// settle makes and fills one side.
func settle(t *testing.T, db *sql.DB, s estate.Side, seed uint64) *estate.Model {
	t.Helper()
	m, err := estate.Seed(seed, 60)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range m.Tables {
		for _, statement := range table.Create(s) {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.Load(t.Context(), db, s); err != nil {
		t.Fatal(err)
	}
	return m
}

// holds compares one side with the model.
func holds(t *testing.T, m *estate.Model, db *sql.DB, s estate.Side) {
	t.Helper()
	for _, table := range m.Tables {
		read, err := estate.Read(t.Context(), db, table, s)
		if err != nil {
			t.Fatal(err)
		}
		if r := m.Compare(table, s, read); !r.OK() || r.Equal != m.Count(table) {
			t.Errorf("%s: %+v", table.Name(s), r)
		}
	}
}

func versions(t *testing.T, db *sql.DB, table *estate.Table) map[string]string {
	t.Helper()
	v, err := estate.Versions(t.Context(), db, table)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
