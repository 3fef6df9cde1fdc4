package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pglogrepl"

	"github.com/syncback/syncback/capture"
)

// progress says that everything before an LSN has come, and that what there was
// is none of ours.
type progress struct {
	to     pglogrepl.LSN
	xid    uint32 // of the transaction that ended there; 0 when there was none
	urgent bool   // it is to be acknowledged at once
}

// transaction opens a transaction in the line.
type transaction struct {
	begin
	origin string
}

func (t transaction) position() capture.Position { return capture.Position(t.final) }

// message keeps what is ours. A transaction is announced with its first change,
// so that one without any is progress and nothing else.
func (s *stream) message(ctx context.Context, m any) error {
	switch m := m.(type) {
	case begin:
		s.open, s.origin, s.announced, s.beat = &m, "", false, false
		if m.final < s.again {
			return s.announce(ctx)
		}
		return nil
	case origin:
		s.origin = m.name
		return nil
	case typeName:
		return s.put(ctx, m)
	case relation:
		return s.relation(ctx, m)
	case commit:
		return s.commit(ctx, m)
	case rowChange:
		rel, ok := s.relations[m.relation]
		if !ok {
			return fmt.Errorf("the replication stream changes relation %d, which it has not described", m.relation)
		}
		if err := s.partition(ctx, rel); err != nil {
			return err
		}
		if !s.tables.has(rel.name) {
			return nil
		}
	case truncate:
		s.described = [2]uint32{}
		if m.relations = s.ours(m.relations); len(m.relations) == 0 {
			return nil
		}
		return s.change(ctx, m)
	case logicalMessage:
		s.beat = s.beat || m.isHeartbeat()
		if !m.transactional || m.isHeartbeat() {
			return nil
		}
	}
	return s.change(ctx, m)
}

func (s *stream) change(ctx context.Context, m any) error {
	if s.open == nil {
		return errors.New("the replication stream has a change outside of a transaction")
	}
	if !s.announced {
		if err := s.announce(ctx); err != nil {
			return err
		}
	}
	return s.put(ctx, m)
}

func (s *stream) announce(ctx context.Context) error {
	s.announced = true
	return s.put(ctx, transaction{*s.open, s.origin})
}

func (s *stream) commit(ctx context.Context, m commit) error {
	if s.open == nil {
		return errors.New("the replication stream has a commit outside of a transaction")
	}
	m.xid = s.open.xid
	s.open = nil
	if s.announced {
		return s.put(ctx, m)
	}
	return s.put(ctx, progress{to: m.end, xid: m.xid, urgent: s.beat})
}

// relation takes in the description of a table. What changed before the stream
// began comes under the name that the table had then, where that one is to be
// captured, whatever it was called before; from then on its own name counts.
func (s *stream) relation(ctx context.Context, rel relation) error {
	now, ok := s.today[rel.oid]
	if ok && !s.tables.has(rel.name) && s.open != nil && s.open.final < s.since {
		rel.name = now
	}
	s.described = [2]uint32{s.described[1], rel.oid}
	rel.partial = len(s.lacking[rel.oid]) > 0
	was, ok := s.relations[rel.oid]
	s.relations[rel.oid] = rel
	if s.tables.has(rel.name) {
		return s.put(ctx, rel)
	}
	if ok && s.tables.has(was.name) {
		return tableError{fmt.Errorf("table %s was renamed to %s in the source: name it so in the configuration, or rename it back", was.name, rel.name)}
	}
	return nil
}

// partition takes in whether the old rows of the partitions that come as root are
// whole. The stream calls all of them so when root's are, and of a change it does
// not say which partition's it is. But it describes root and then the partition
// before the first change of that one, and again after each ALTER TABLE.
func (s *stream) partition(ctx context.Context, root relation) error {
	above, leaf := s.described[0], s.described[1]
	s.described = [2]uint32{}
	if above != root.oid || leaf == root.oid || !s.tables.has(root.name) {
		return nil
	}
	if s.lacking[root.oid] == nil {
		s.lacking[root.oid] = make(map[uint32]bool)
	}
	s.lacking[root.oid][leaf] = true
	if s.relations[leaf].identity == 'f' {
		delete(s.lacking[root.oid], leaf)
	}
	was := root.partial
	if root.partial = len(s.lacking[root.oid]) > 0; root.partial == was {
		return nil
	}
	s.relations[root.oid] = root
	return s.put(ctx, root)
}

func (s *stream) ours(oids []uint32) (ours []uint32) {
	for _, oid := range oids {
		if rel, ok := s.relations[oid]; ok && s.tables.has(rel.name) {
			ours = append(ours, oid)
		}
	}
	return ours
}
