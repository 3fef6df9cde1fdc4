package main_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestVerifyManyRows compares 50,000 rows of 4,000 bytes with a memory that could
// not hold them.
func TestVerifyManyRows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	const rows = 50_000
	s.onSource(`CREATE TABLE wide (id int PRIMARY KEY, a text, b text, c text)`)
	s.onSource(`INSERT INTO wide SELECT i, repeat('a', 2000), repeat('b', 2000), i % 1000 FROM generate_series(1, $1) i`, rows)
	s.onTarget(`CREATE TABLE dbo.wide (id int NOT NULL PRIMARY KEY, a varchar(2000) NULL, b varchar(2000) NULL, c varchar(20) NULL)`)
	s.onTarget(`INSERT INTO dbo.wide (id, a, b, c) VALUES (1, REPLICATE('a', 2000), REPLICATE('b', 2000), '1')`)
	for n := 1; n < rows; n *= 2 {
		s.onTarget(fmt.Sprintf(`INSERT INTO dbo.wide (id, a, b, c) SELECT id + %d, a, b, CAST((id + %d) %% 1000 AS varchar(20)) FROM dbo.wide WHERE id + %d <= %d`, n, n, n, rows))
	}
	s.onTarget(`UPDATE dbo.wide SET b = 'x' WHERE id = 43210`)
	s.configure("tables: [{source: wide, target: wide}]\n")
	c, stdout, stderr := s.command("verify")
	r := s.watched(c, stderr)
	var peak int64 // as seen last before the end: the most until then
	for ended := false; !ended; {
		select {
		case <-r.ended:
			ended = true
		case <-time.After(10 * time.Millisecond):
		}
		if now, ok := r.peak(); ok {
			peak = now
		}
	}
	if c.ProcessState.ExitCode() != 1 {
		t.Fatalf("exit code %d, stderr:\n%s", c.ProcessState.ExitCode(), stderr)
	}
	s.listed(stdout.String(), stderr.String(), []string{"dbo.wide id=43210 different in b"})
	if !strings.Contains(stdout.String(), "50000        50000  49999 ") {
		t.Errorf("it prints\n%s", stdout)
	}
	const most = 150 << 20 // the rows of one side are 200 MB
	t.Logf("it took %d MiB at most", peak>>20)
	if peak == 0 || peak > most {
		t.Errorf("it took %d bytes of memory, want at most %d", peak, most)
	}
}
