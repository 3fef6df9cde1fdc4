package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/capture"
)

func row(bytes int) rowChange {
	return rowChange{new: capture.Row{capture.Text(strings.Repeat("x", bytes))}}
}

func TestLineIsBoundedInBytes(t *testing.T) {
	l := newLine(10_000)
	if !l.offer(row(50_000)) {
		t.Error("a row that is larger than the line did not pass, although it was alone")
	}
	if l.offer(row(1)) {
		t.Error("a row passed behind it")
	}
	if _, ok := l.poll(); !ok {
		t.Fatal("nothing to take")
	}
	n := 0
	for n < 1000 && l.offer(row(900)) {
		n++
	}
	if n < 8 || n > 11 {
		t.Errorf("%d rows of 900 bytes found room in 10000", n)
	}
	for range 100_000 { // as many again pass through, in order, without growth
		if _, ok := l.poll(); !ok {
			t.Fatal("nothing to take")
		}
		if !l.offer(row(900)) {
			t.Fatal("no room after a row was taken")
		}
	}
	if cap(l.items) > 5000 {
		t.Errorf("the line of %d grew to %d", n, cap(l.items))
	}
}

func TestLineKeepsOrderAndMergesProgress(t *testing.T) {
	l := newLine(1 << 20)
	l.offer(progress{to: 8, xid: 7, urgent: true})
	l.offer(progress{to: 16})
	l.offer(commit{end: 24})
	l.offer(progress{to: 32})
	l.offer(progress{to: 40})
	over := errors.New("over")
	l.close(over)
	for _, want := range []any{progress{to: 16, xid: 7, urgent: true}, commit{end: 24}, progress{to: 40}} {
		if m, err := l.take(t.Context(), nil); err != nil || m != want {
			t.Errorf("got %+v, %v, want %+v", m, err, want)
		}
	}
	if _, err := l.take(t.Context(), nil); !errors.Is(err, over) {
		t.Errorf("at the end: %v", err)
	}
}

func TestLineWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(100)
		time.AfterFunc(time.Second, func() { l.offer(commit{end: 8}) })
		began := time.Now()
		if m, err := l.take(t.Context(), nil); err != nil || m != (commit{end: 8}) || time.Since(began) != time.Second {
			t.Errorf("got %+v, %v after %s", m, err, time.Since(began))
		}
		if m, err := l.take(t.Context(), time.After(time.Minute)); m != nil || err != nil {
			t.Errorf("at the timer: %+v, %v", m, err)
		}
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		if _, err := l.take(ctx, nil); !errors.Is(err, why) {
			t.Errorf("at the end of its context: %v", err)
		}
	})
}
