package main_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// mixedLoad commits transactions at the source, one after the other, until it is
// stopped. It waits where the target is far behind: a machine that is busy would
// never catch up.
type mixedLoad struct {
	site   *killSite
	rnd    *rand.Rand
	conn   *pgx.Conn
	reader *reader
	done   chan struct{}

	mu     sync.Mutex // held while a transaction is committed
	wanted []wanted
	quiet  bool // only what is wanted is committed
	ended  bool

	bumps int64 // of versions
	items int   // rows that were ever inserted in small transactions
	large int   // transactions
	moved int   // keys that were changed
}

// farBehind is how many versions the target may lack.
const farBehind = 300

// wanted is a transaction that is asked for.
type wanted int

const (
	large  wanted = iota // of very many rows
	filler               // messages that fill files of the queue, and change nothing
)

func (s *killSite) startLoad(rnd *rand.Rand, r *reader) *mixedLoad {
	s.t.Helper()
	conn, err := pgx.Connect(s.t.Context(), s.source)
	if err != nil {
		s.t.Fatal(err)
	}
	l := &mixedLoad{site: s, rnd: rnd, conn: conn, reader: r, done: make(chan struct{})}
	s.t.Cleanup(func() {
		l.stop()
		conn.Close(context.Background())
	})
	go l.run()
	return l
}

func (l *mixedLoad) run() {
	defer close(l.done)
	for !l.commit() {
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond) // what is committed does not depend on it
	}
}

// ask has transactions of these kinds committed next, and until it is called
// again no others if it is to be quiet then.
func (l *mixedLoad) ask(quiet bool, w ...wanted) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted, l.quiet = append(l.wanted, w...), quiet
}

// rest commits nothing while do is done.
func (l *mixedLoad) rest(do func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do()
}

func (l *mixedLoad) stop() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	<-l.done
}

// commit commits what comes next, and reports whether it was the last.
func (l *mixedLoad) commit() (ended bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.site.t.Failed() {
		return true
	}
	for _, sql := range l.next() {
		if _, err := l.conn.Exec(l.site.t.Context(), sql); err != nil {
			l.site.t.Errorf("the load: %v", err)
			return true
		}
	}
	return false
}

// next returns the statements that come next: of one transaction, of none, or of
// several.
func (l *mixedLoad) next() []string {
	if len(l.wanted) > 0 {
		w := l.wanted[0]
		l.wanted = l.wanted[1:]
		if w == large {
			return []string{l.largeOne()}
		}
		const message = `SELECT pg_logical_emit_message(true, 'filler', repeat('x', 700000))`
		return []string{message, message, message, message}
	}
	if l.quiet || l.bumps-l.reader.seen.Load() > farBehind {
		return nil
	}
	switch n := l.rnd.IntN(100); {
	case n < 45:
		return []string{l.bump()}
	case n < 60:
		return []string{l.insert()}
	case n < 70:
		return []string{"BEGIN", l.insert(), l.bump(), l.bump(), "COMMIT"}
	case n < 80:
		return []string{fmt.Sprintf(`UPDATE item SET v = v + 1, note = NULLIF(note, 'first') WHERE batch = 0 AND id %% 7 = %d`, l.rnd.IntN(7))}
	case n < 90:
		return []string{l.move()}
	default:
		return []string{l.remove()}
	}
}

// bump raises the version of a few accounts.
func (l *mixedLoad) bump() string {
	from, n := 1+l.rnd.IntN(46), 1+l.rnd.IntN(5)
	l.bumps += int64(n)
	return fmt.Sprintf(`UPDATE account SET version = version + 1, note = 'of %d' WHERE id BETWEEN %d AND %d`, l.rnd.IntN(1000), from, from+n-1)
}

func (l *mixedLoad) insert() string {
	from := l.items
	l.items += 1 + l.rnd.IntN(30)
	return fmt.Sprintf(`INSERT INTO item SELECT i, 0, 0, 'first' FROM generate_series(%d, %d) i`, from+1, l.items)
}

// keys is how far apart the keys are that one row has had: a key is never used
// twice.
const keys = 10_000_000

// move changes the keys of a few rows.
func (l *mixedLoad) move() string {
	l.moved++
	return fmt.Sprintf(`UPDATE item SET id = id %% %d + %d WHERE id IN (SELECT id FROM item WHERE batch = 0 ORDER BY id OFFSET %d LIMIT %d)`,
		keys, l.moved*keys, l.rnd.IntN(100), 1+l.rnd.IntN(5))
}

// remove deletes the oldest rows, so that there are never many.
func (l *mixedLoad) remove() string {
	return fmt.Sprintf(`DELETE FROM item WHERE batch = 0 AND id IN (SELECT id FROM item WHERE batch = 0 ORDER BY id %% %d DESC OFFSET %d)`, keys, 100+l.rnd.IntN(200))
}

// largeOne inserts many rows, or deletes those of the one before.
func (l *mixedLoad) largeOne() string {
	l.large++
	if l.large%2 == 0 {
		return `DELETE FROM item WHERE batch > 0`
	}
	return fmt.Sprintf(`INSERT INTO item SELECT -i, %d, 0, 'large' FROM generate_series(1, %d) i`, l.large, l.site.rows)
}
