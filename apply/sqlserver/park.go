package sqlserver

import (
	"fmt"
	"maps"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// parkError ends an attempt at a transaction of the source that is to be parked:
// what was written of it must not stay.
type parkError struct {
	encounter *encounter
	conflict  *resolve.Conflict
	answer    resolve.Resolution
}

func (e *parkError) Error() string {
	return fmt.Sprintf("%s of %s at %s is to be parked", e.conflict.Kind, e.conflict.Table, e.conflict.Position)
}

// park sets a transaction of the source aside, whole. why is the conflict that a
// person must decide about; nil where it waits behind another that is parked.
func (w *writing) park(t *capture.Tx, why *parkError) error {
	if err := w.flush(); err != nil {
		return err
	}
	var id *int64
	if why != nil {
		id = new(int64)
		e := why.encounter
		if err := w.record(e, why.conflict, why.answer, e.current, id); err != nil {
			return err
		}
	}
	p := &parking{writing: w, tx: t, keys: maps.Clone(w.refusals.waits[t.Position])}
	if err := p.write(); err != nil {
		return err
	}
	q := &builder{}
	q.WriteString("INSERT INTO " + w.control.own("parked") +
		" ([pipeline], [position], [txid], [committed_at], [origin], [conflict], [changes], [pieces], [sealed_by], [parked_at]) SELECT ")
	values := []any{w.cfg.Pipeline, int64(t.Position), int64(t.ID), ledgerTime(t.CommitTime), orNull(t.Origin), nil, p.changes, p.pieces, w.seal.keyID()}
	if id != nil {
		values[5] = *id
	}
	for _, v := range values {
		q.argument(v)
		q.WriteString(", ")
	}
	q.WriteString("SYSUTCDATETIME()")
	if err := w.put(&statement{text: q.String(), args: q.args, size: q.size}); err != nil {
		return err
	}
	if err := w.put(w.countOneMore()); err != nil {
		return err
	}
	w.parked++
	return w.flush()
}

// countOneMore returns the statement by which one transaction more is parked.
func (w *writing) countOneMore() *statement {
	return &statement{text: "UPDATE " + w.control.table + " SET [parked] = [parked] + 1 WHERE [pipeline] = \x00", args: []any{w.cfg.Pipeline}}
}

// The bounds of what is gathered of a transaction that is parked.
const (
	pieceBytes = 256 << 10
	keysAtOnce = 200
)

// parking writes the changes of a transaction, and what they touch, in pieces.
type parking struct {
	*writing
	tx      *capture.Tx
	changes int64
	pieces  int64
	lines   pieceWriter
	keys    touches
	index   int64
}

func (p *parking) write() error {
	for in, err := range p.tx.Changes {
		if err != nil {
			return err
		}
		p.changes++
		if in.Op == capture.Message {
			continue // nothing here acts on one
		}
		c := &change{op: in.Op, position: p.tx.Position, in: in, tx: p.tx, index: p.index}
		p.index++
		if err := p.bindPlan(c); err != nil {
			return err
		}
		if err := p.lines.add(in); err != nil {
			return err
		}
		if p.lines.size() >= pieceBytes {
			if err := p.putPiece(); err != nil {
				return err
			}
		}
		p.touched(c, &p.keys)
		if len(p.keys) >= keysAtOnce {
			if err := p.putKeys(); err != nil {
				return err
			}
		}
	}
	if err := p.putPiece(); err != nil {
		return err
	}
	return p.putKeys()
}

func (p *parking) putPiece() error {
	body := p.lines.take()
	if body == "" {
		return nil
	}
	s := &statement{
		text: "INSERT INTO " + p.control.own("parked_piece") + " ([pipeline], [position], [piece], [body]) SELECT \x00, \x00, \x00, \x00",
		args: []any{p.cfg.Pipeline, int64(p.tx.Position), p.pieces, p.seal.close(body, pieceName(p.cfg.Pipeline, p.tx.Position, p.pieces))}, size: int64(2 * len(body)),
	}
	p.pieces++
	return p.put(s)
}

// pieceName tells a piece from all others.
func pieceName(pipeline string, position capture.Position, piece int64) string {
	return fmt.Sprintf("%d/%d of %s", position, piece, pipeline)
}

// putKeys writes what was gathered. What was written for an earlier change of the
// same transaction is not written again.
func (p *parking) putKeys() error {
	keys := p.control.own("parked_key")
	for t := range p.keys {
		p.parkedKeys.set(t, true)
		s := &statement{
			text: "INSERT INTO " + keys + " ([pipeline], [resource], [touch], [position]) SELECT \x00, \x00, \x00, \x00 WHERE NOT EXISTS (SELECT 1 FROM " +
				keys + " WHERE [pipeline] = \x00 AND [resource] = \x00 AND [touch] = \x00 AND [position] = \x00)",
			anyCount: true,
		}
		args := []any{p.cfg.Pipeline, mssqlChar(p.seal.name(t.resource)), int64(t.how), int64(p.tx.Position)}
		s.args = append(args, args...)
		if err := p.put(s); err != nil {
			return err
		}
	}
	clear(p.keys)
	return nil
}
