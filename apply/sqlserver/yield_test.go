package sqlserver

import (
	"database/sql"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// The target's own users come first.

// TestConnectionsAreBounded holds as many connections as there may be, and asks
// for one more.
func TestConnectionsAreBounded(t *testing.T) {
	d := newDatabase(t)
	a := d.open()
	var held []*sql.Conn
	for range 2 { // Config.MaxConnections by default
		conn, err := a.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	granted := make(chan *sql.Conn, 1)
	go func() {
		conn, err := a.db.Conn(t.Context())
		if err != nil {
			t.Error(err)
		}
		granted <- conn
	}()
	for a.db.Stats().WaitCount == 0 {
		select {
		case <-granted:
			t.Fatal("a third connection was opened")
		case <-time.After(time.Millisecond):
		}
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	_ = (<-granted).Close()
}

// TestSessionGivesWay sees that a session says so before it writes anything: it is
// the victim of its deadlocks, and waits for no lock for long.
func TestSessionGivesWay(t *testing.T) {
	d := newDatabase(t, tenancies)
	if d.server == nil {
		t.Skip("a server that is not the stand-in does not tell which statements it was sent")
	}
	var mu sync.Mutex
	var sent []string
	d.server.Inject(sqlservertest.Fault{Times: -1, Match: func(statement string) bool {
		mu.Lock()
		defer mu.Unlock()
		sent = append(sent, strings.ToUpper(strings.TrimSpace(statement)))
		return false
	}})
	a := d.open(tenancyMapping())
	mu.Lock()
	sent = nil
	mu.Unlock()
	d.do(a, 1, insert(tenancy(), "1", "Ann", "1", "-"))
	mu.Lock()
	defer mu.Unlock()
	writes := slices.IndexFunc(sent, func(s string) bool { return strings.HasPrefix(s, "UPDATE ") })
	for _, want := range []string{"SET DEADLOCK_PRIORITY LOW", "SET LOCK_TIMEOUT 1000"} {
		if i := slices.IndexFunc(sent, func(s string) bool { return strings.HasPrefix(s, want) }); i < 0 || i > writes {
			t.Errorf("%s is not said before the first write: %q", want, sent)
		}
	}
}
