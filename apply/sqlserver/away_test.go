package sqlserver

import (
	"errors"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/capture"
)

// While a server comes up again it says of a database what it says of one that is
// not there. Who was in it before tries again; who was not has its name wrong.
func TestDatabaseThatWasThereIsWaitedFor(t *testing.T) {
	d := newDatabase(t, tenancies)
	if d.server == nil {
		t.Skip("only the stand-in's database goes away when it is told to")
	}
	a := d.open(tenancyMapping())
	apply := func() error {
		return a.Apply(t.Context(), []*capture.Tx{tx(1, insert(tenancy(), "1", "Ann", "1", "-"))})
	}
	d.server.SetAway(true)
	a.discard() // as a restart does with the session, and with those that are idle
	a.db.SetMaxIdleConns(0)
	var server *ServerError
	if err := apply(); !errors.As(err, &server) || server.Number != 4060 || !capture.Retryable(err) {
		t.Errorf("while it is away: %v, retryable %t", err, capture.Retryable(err))
	}
	cfg := d.cfg
	cfg.Tables = []Table{tenancyMapping()}
	if _, err := Open(t.Context(), cfg); capture.Retryable(err) || !strings.Contains(err.Error(), "correct its name") {
		t.Errorf("who was never there: %v, retryable %t", err, capture.Retryable(err))
	}
	d.server.SetAway(false)
	if err := apply(); err != nil {
		t.Errorf("once it is back: %v", err)
	}
}

// SQL Server says that the login failed after it said why.
func TestLoginThatFailsForItsDatabaseIsToldFromOthers(t *testing.T) {
	why := mssql.Error{Number: 4060, Class: 11}
	both := mssql.Error{Number: 18456, Class: 14}
	both.All = []mssql.Error{why, both}
	for _, test := range []struct {
		err  error
		away bool
	}{{why, true}, {both, true}, {mssql.Error{Number: 18456, Class: 14}, false}, {errors.New("x"), false}} {
		if got := errors.As(whyAway(test.err), new(*awayError)); got != test.away {
			t.Errorf("%v: away %t", test.err, got)
		}
	}
}
