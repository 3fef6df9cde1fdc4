package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// newNoteSite makes a site whose rows are of about 100 kB each, with this in its
// configuration for the queue. before is called before the first run.
func newNoteSite(t *testing.T, queue string, before func(*site)) *site {
	t.Helper()
	s := newSite(t)
	s.onSource(`CREATE TABLE note (id int PRIMARY KEY, v text)`)
	s.onSource(`ALTER TABLE note REPLICA IDENTITY FULL`)
	s.onTarget(`CREATE TABLE dbo.note (id int NOT NULL PRIMARY KEY, v varchar(max) NULL)`)
	s.configure(queue + "tables: [{source: note, target: note}]\n")
	s.executeDDL()
	before(s)
	s.mustRun("run", "--until-idle")
	return s
}

// insertNotes commits a transaction for each of the rows.
func (s *site) insertNotes(first, last int) {
	s.t.Helper()
	for i := first; i <= last; i++ {
		s.onSource(`INSERT INTO note SELECT $1, string_agg(md5(i::text), '') FROM generate_series(1, 3200) i`, i)
	}
}

func (s *site) notes() int { return s.ask(`SELECT COUNT(*) FROM dbo.note`) }

// lastError is what status says is wrong, "" for nothing.
func (s *site) lastError() string {
	s.t.Helper()
	text, _ := s.status()["last_error"].(string)
	return text
}

// said expects the log of a run that has ended to have a line with each of these.
func (r *running) said(words ...string) {
	r.t.Helper()
	for _, w := range words {
		if !strings.Contains(r.stderr.String(), w) {
			r.t.Errorf("the log does not say %q:\n%s", w, r.stderr)
		}
	}
}

// TestQueueLimitReached: capture stops at the queue's limit with the reason, the
// source keeps the rest, and capture goes on once applying has made room.
func TestQueueLimitReached(t *testing.T) {
	t.Parallel()
	const limit, rows = 16_000_000, 250
	s := newNoteSite(t, fmt.Sprintf("queue: {limit: %dB, keep_for: none}\n", limit), func(*site) {})
	s.mustRun("pause")
	r := s.follow()
	s.insertNotes(1, rows)
	r.await("the reason", func() bool {
		return strings.Contains(s.lastError(), "queue is full: its files may take 16000000 bytes")
	})
	if status := s.status(); status["state"] != "paused" || status["slot_retained_bytes"].(float64) < 1_000_000 {
		t.Errorf("status is %v", status)
	}
	if size := s.queueSize(); size > limit || size < limit/2 {
		t.Errorf("the queue takes %d bytes of %d", size, limit)
	}
	s.mustRun("resume")
	r.await("all rows", func() bool { return s.notes() == rows })
	r.await("no error", func() bool { return s.lastError() == "" })
	r.end()
	r.said("queue is full; capture waits for room", "capture goes on")
	s.same(`SELECT id, length(v), right(v, 32) FROM note ORDER BY id`, `SELECT id, LEN(v), RIGHT(v, 32) FROM dbo.note ORDER BY id`)
}

// queueSize is what the queue's segments take.
func (s *site) queueSize() (size int64) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.queue(), "*.seg"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range files {
		if info, err := os.Stat(name); err == nil { // it may be gone by now
			size += info.Size()
		}
	}
	return size
}

// TestTargetTakesNoWrites: a target whose log or disk is full, or which is
// read-only, is tried again until it takes writes, and the reason is told
// meanwhile. Capture goes on, and status can be asked. A run can be started then,
// too.
func TestTargetTakesNoWrites(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		number int32
		says   string
	}{
		{"log full", 9002, "SQL Server error 9002: the target's transaction log is full"},
		{"read-only", 3906, "SQL Server error 3906: the target database is read-only"},
		{"filegroup full", 1105, "SQL Server error 1105: the target's filegroup is full"},
		{"a file cannot grow", 5149, "SQL Server error 5149: a file of the target cannot grow"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newReadySite(t)
			if s.server == nil {
				t.Skip("this server cannot be told to refuse writes; the stand-in can")
			}
			first := s.follow()
			s.onSource(`INSERT INTO tenancy VALUES ('a')`)
			first.await("the first row", func() bool { return s.count() == 1 })
			s.refuseWrites(test.number)
			s.onSource(`INSERT INTO tenancy VALUES ('b')`)
			s.retried(first, test.says, 1)
			s.onSource(`INSERT INTO tenancy VALUES ('c')`)
			s.retried(first, test.says, 2)
			s.server.ClearFaults()
			first.await("the rows", func() bool { return s.count() == 3 })
			first.await("no error", func() bool { return s.lastError() == "" })
			s.refuseWrites(test.number)
			first.end()
			first.said("level=WARN msg=retrying op=apply", test.says)

			second := s.follow()
			s.onSource(`INSERT INTO tenancy VALUES ('d')`)
			s.retried(second, test.says, 1)
			s.server.ClearFaults()
			second.await("the last row", func() bool { return s.count() == 4 })
			second.end()
		})
	}
}

// refuseWrites has the target refuse every write with the error of that number.
func (s *site) refuseWrites(number int32) {
	s.server.Inject(sqlservertest.Fault{
		Match: func(sql string) bool {
			verb, _, _ := strings.Cut(sql, " ")
			return verb == "INSERT" || verb == "UPDATE" || verb == "DELETE"
		},
		Error: number, Times: -1,
	})
}

// retried waits until status says that so many transactions wait because of that.
func (s *site) retried(r *running, says string, queued float64) {
	s.t.Helper()
	r.await(says, func() bool {
		status := s.status()
		text, _ := status["last_error"].(string)
		return strings.Contains(text, says) && status["state"] == "retrying" && status["queued_transactions"] == queued
	})
}
