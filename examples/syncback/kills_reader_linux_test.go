package main_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// reader looks at the target while the program is killed.
type reader struct {
	site     *killSite
	versions map[int]int
	looked   int
	seen     atomic.Int64 // the sum of all versions

	end  chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

func (s *killSite) startReader() *reader {
	r := &reader{site: s, versions: map[int]int{}, end: make(chan struct{})}
	r.wg.Go(r.run)
	s.t.Cleanup(r.stop)
	return r
}

func (r *reader) stop() {
	r.once.Do(func() { close(r.end) })
	r.wg.Wait()
	if r.looked == 0 {
		r.site.t.Error("the reader of the target never got an answer")
	}
}

func (r *reader) run() {
	for {
		r.look()
		select {
		case <-r.end:
			return
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// look fails if a version has gone back, or a part of a large transaction is
// there. An error says nothing: the target's locks may be held.
func (r *reader) look() {
	t := r.site.t
	rows, err := r.site.ms.Query(`SELECT 0, id, version FROM dbo.account
UNION ALL SELECT 1, batch, COUNT(*) FROM dbo.item WITH (TABLOCK) WHERE batch > 0 GROUP BY batch`)
	if err != nil {
		return
	}
	defer rows.Close()
	sum := 0
	for rows.Next() {
		var kind, id, n int
		if err := rows.Scan(&kind, &id, &n); err != nil {
			t.Errorf("read the target: %v", err)
			return
		}
		if kind == 1 {
			if n != r.site.rows {
				t.Errorf("a reader of the target saw %d of a transaction's %d rows", n, r.site.rows)
			}
			continue
		}
		if n < r.versions[id] {
			t.Errorf("account %d went back from version %d to %d", id, r.versions[id], n)
		}
		r.versions[id] = n
		sum += n
	}
	if rows.Err() == nil {
		r.looked++
		r.seen.Store(int64(sum))
	}
}

// settle lets the program apply all there is, and compares: both sides row by
// row, and what a trigger of the target counted with what there should have been,
// each version of an account once, one after the other.
func (s *killSite) settle() {
	s.t.Helper()
	s.mustRun("run", "--until-idle")
	s.same(`SELECT id, version, note FROM account ORDER BY id`, `SELECT id, version, note FROM dbo.account ORDER BY id`)
	s.same(`SELECT id, batch, v, note FROM item ORDER BY id`, `SELECT id, batch, v, note FROM dbo.item ORDER BY id`)
	next := s.countWritten()
	for _, account := range s.sourceRows(`SELECT id, version FROM account`) {
		var id, version int
		if _, err := fmt.Sscanf(account, "%d|%d", &id, &version); err != nil {
			s.t.Fatal(err)
		}
		if next[id] != version+1 {
			s.t.Errorf("account %d was written %d times, want %d", id, next[id], version+1)
		}
	}
}

// countWritten returns how many versions of each account were written, by the
// target's own word.
func (s *killSite) countWritten() (next map[int]int) {
	s.t.Helper()
	next = map[int]int{}
	rows, err := s.ms.Query(`SELECT id, version FROM dbo.seen ORDER BY n`)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, version int
		if err := rows.Scan(&id, &version); err != nil {
			s.t.Fatal(err)
		}
		if version != next[id] {
			s.t.Fatalf("account %d was written with version %d, and %d was next", id, version, next[id])
		}
		next[id]++
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return next
}
