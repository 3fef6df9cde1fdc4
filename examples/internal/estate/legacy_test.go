package estate

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"
)

// legacyDatabase returns an empty database of a server that speaks T-SQL.
func legacyDatabase(t *testing.T) *sql.DB {
	t.Helper()
	server, err := url.Parse(os.Getenv("SYNCBACK_TEST_SQLSERVER"))
	if err != nil {
		t.Fatal(err)
	}
	admin, err := Open(Legacy, server.String())
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("estate_%d", time.Now().UnixNano())
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	query := server.Query()
	query.Set("database", name)
	server.RawQuery = query.Encode()
	db, err := Open(Legacy, server.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db.Close()
		if _, err := admin.ExecContext(context.Background(), "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	return db
}

// What the model writes to a legacy database is read back as it was: padding,
// code page 1252, dates, and what the database computes by itself.
func TestLegacyHoldsTheModel(t *testing.T) {
	db := legacyDatabase(t)
	m := seeded(t, 60)
	for _, table := range m.Tables {
		run(t, db, table.Create(Legacy))
	}
	if err := m.Load(t.Context(), db, Legacy); err != nil {
		t.Fatal(err)
	}
	for _, table := range m.Tables {
		read, err := Read(t.Context(), db, table, Legacy)
		if err != nil {
			t.Fatal(err)
		}
		if r := m.Compare(table, Legacy, read); !r.OK() {
			t.Errorf("%s: %+v", table.Legacy, r)
		}
	}
	table := m.table("tenancy")
	before, err := Versions(t.Context(), db, table)
	if err != nil {
		t.Fatal(err)
	}
	ref := m.keys("tenancy")[1]
	run(t, db, []string{"UPDATE dbo.tenagree SET tenure = tenure WHERE tag_ref = '" + ref + "'"})
	after, err := Versions(t.Context(), db, table)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if m.Rewritten(&r, table, before, after); r.Rewritten != 1 || r.First[0].Key != ref || len(before) != m.Count(table) {
		t.Errorf("%s was written, and %+v was seen", ref, r)
	}
}
