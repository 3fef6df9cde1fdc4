package postgres_test

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// TestSetupSaysWhatTheServerLacks has servers whose settings leave no room for a
// slot: waiting does not mend that, and the error says what does.
func TestSetupSaysWhatTheServerLacks(t *testing.T) {
	for _, test := range []struct{ setting, value, says string }{
		{"wal_level", "replica", "(SQLSTATE 55000); set wal_level = logical, and restart the server"},
		{"max_replication_slots", "1", "(SQLSTATE 53400); drop one that nobody uses, or raise max_replication_slots and restart the server"},
	} {
		ownCluster(t, postgrestest.Config{Settings: map[string]string{test.setting: test.value}})
		s := newSource(t, oneTable, "public.t")
		s.exec(`SELECT pg_create_physical_replication_slot('other')`)
		if err := s.capturer.Setup(t.Context()); err == nil || capture.Retryable(err) || !strings.HasSuffix(err.Error(), test.says) {
			t.Errorf("%s = %s: %v", test.setting, test.value, err)
		}
	}
}
