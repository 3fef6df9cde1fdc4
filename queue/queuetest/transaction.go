package queuetest

import (
	"bytes"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// A transaction is one with its changes in hand. live makes of it what a
// capturer would write.
type transaction struct {
	capture.Tx
	changes []capture.Change
	err     error // ends the sequence, if not nil
	ranged  int   // how often it was ranged over to the end
}

const source capture.Source = "7000000000000000001/housing/syncback"

var commitTime = time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)

func newTx(p capture.Position, changes ...capture.Change) *transaction {
	return &transaction{changes: changes, Tx: capture.Tx{
		Position: p, ID: uint64(p) + 700, CommitTime: commitTime.Add(time.Duration(p) * time.Second),
	}}
}

func (w *transaction) live() *capture.Tx {
	tx := w.Tx
	done := false
	tx.Changes = func(yield func(capture.Change, error) bool) {
		if done {
			panic("a transaction from the wire was ranged over twice")
		}
		done = true
		for _, c := range w.changes {
			c.Before, c.After = slices.Clone(c.Before), slices.Clone(c.After)
			if !yield(c, nil) {
				return
			}
		}
		if w.err != nil {
			yield(capture.Change{}, w.err)
			return
		}
		w.ranged++
	}
	return &tx
}

// collect ranges over a sequence to its end.
func collect(seq iter.Seq2[capture.Change, error]) ([]capture.Change, error) {
	var out []capture.Change
	for c, err := range seq {
		if err != nil {
			return out, err
		}
		out = append(out, c)
	}
	return out, nil
}

// same fails unless tx is want, all of it.
func (k *checker) same(tx *capture.Tx, want *transaction) {
	if tx.Position != want.Position || tx.ID != want.ID || !tx.CommitTime.Equal(want.CommitTime) || tx.Origin != want.Origin {
		k.failf("got the transaction %s, %d, %s, %q; want %s, %d, %s, %q",
			tx.Position, tx.ID, tx.CommitTime, tx.Origin, want.Position, want.ID, want.CommitTime, want.Origin)
	}
	if tx.Count != int64(len(want.changes)) || tx.Count > 0 && tx.Bytes <= 0 {
		k.failf("transaction at %s says that it has %d changes in %d bytes; it has %d", tx.Position, tx.Count, tx.Bytes, len(want.changes))
	}
	got, err := collect(tx.Changes)
	k.must("range over "+tx.Position.String(), err)
	if len(got) != len(want.changes) {
		k.failf("transaction at %s has %d changes, want %d", tx.Position, len(got), len(want.changes))
	}
	for i := range got {
		if !sameChange(got[i], want.changes[i]) {
			k.failf("change %d of the transaction at %s, %s, is not as it was written", i, tx.Position, got[i].Op)
		}
	}
}

func sameChange(a, b capture.Change) bool {
	return a.Op == b.Op && sameTable(a.Table, b.Table) && sameRow(a.Before, b.Before) && sameRow(a.After, b.After) &&
		(a.Message == nil) == (b.Message == nil) &&
		(a.Message == nil || a.Message.Prefix == b.Message.Prefix && bytes.Equal(a.Message.Content, b.Message.Content))
}

func sameTable(a, b *capture.Table) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Schema == b.Schema && a.Name == b.Name && a.Identity == b.Identity && slices.Equal(a.Columns, b.Columns)
}

func sameRow(a, b capture.Row) bool { return (a == nil) == (b == nil) && slices.Equal(a, b) }

// tenancy is a table of the kind that housing systems have.
func tenancy(more ...capture.Column) *capture.Table {
	return &capture.Table{
		Schema: "public", Name: "tenancy", Identity: capture.IdentityFull,
		Columns: append([]capture.Column{
			{Name: "tag_ref", OID: 1042, Base: "bpchar", Modifier: 15, Key: true},
			{Name: "start_date", OID: 1184, Base: "timestamptz", Modifier: -1},
			{Name: "notes", OID: 25, Base: "text", Modifier: -1},
			{Name: "balance", OID: 1700, Base: "numeric", Modifier: 589830},
		}, more...),
	}
}

func row(values ...capture.Value) capture.Row { return values }

func text(s string) capture.Value { return capture.Text(s) }

func absent() capture.Value { return capture.Value{} }

// insertOf is an insert of about 300 bytes into t, a tenancy.
func insertOf(t *capture.Table, ref string) capture.Change {
	return capture.Change{Op: capture.Insert, Table: t, After: row(
		text(ref), text("2026-03-29 00:30:00+00"), text(strings.Repeat("a note of some length. ", 10)), text("-1234.56"))}
}
