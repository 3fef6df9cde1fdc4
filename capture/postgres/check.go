package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncback/syncback/capture"
)

// Check looks at everything that capturing needs, and changes nothing. A
// publication or a slot that Setup would create is a Note. The error is for what
// kept it from looking; what it found by then comes with it.
func (c *Capturer) Check(ctx context.Context) ([]capture.Finding, error) {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer hangUp(ctx, conn)
	var all []capture.Finding
	for _, look := range []func(context.Context, *pgx.Conn) ([]finding, error){
		c.checkServer, c.checkReplication, c.checkTables, c.checkPublication, c.checkSlot,
	} {
		found, err := look(ctx, conn)
		for _, f := range found {
			all = append(all, f.Finding)
		}
		if err != nil {
			return all, ended(ctx, err)
		}
	}
	return all, nil
}

// version returns the server's major version.
func version(conn *pgx.Conn) int {
	s := conn.PgConn().ParameterStatus("server_version") // "15.8 (Debian …)", "18beta1"
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	v, _ := strconv.Atoi(s[:n])
	return v
}

// serverSettings are those that capturing depends on. Sizes are in bytes, and -1
// is no limit.
type serverSettings struct {
	walLevel                  string
	slots, slotsUsed, senders int
	keep                      int64 // max_slot_wal_keep_size
	idle                      int64 // idle_replication_slot_timeout (PostgreSQL 18), in seconds
	encoding                  string
	absent                    []string // slots of synchronized_standby_slots (PostgreSQL 17) that no standby reads
}

func readSettings(ctx context.Context, conn *pgx.Conn) (s serverSettings, err error) {
	err = conn.QueryRow(ctx, `
		SELECT current_setting('wal_level'), current_setting('max_replication_slots')::int,
			(SELECT count(*) FROM pg_replication_slots)::int, current_setting('max_wal_senders')::int,
			(SELECT CASE WHEN setting = '-1' THEN -1 ELSE setting::bigint << 20 END FROM pg_settings WHERE name = 'max_slot_wal_keep_size'),
			coalesce((SELECT setting::bigint FROM pg_settings WHERE name = 'idle_replication_slot_timeout'), 0),
			current_setting('server_encoding'),
			ARRAY(SELECT trim(name, ' "') FROM unnest(string_to_array(current_setting('synchronized_standby_slots', true), ',')) name
				WHERE trim(name, ' "') NOT IN (SELECT slot_name FROM pg_replication_slots WHERE active))`).
		Scan(&s.walLevel, &s.slots, &s.slotsUsed, &s.senders, &s.keep, &s.idle, &s.encoding, &s.absent)
	return s, sourceError("read the source's settings", err)
}

func (c *Capturer) checkServer(ctx context.Context, conn *pgx.Conn) (fs []finding, err error) {
	switch v := version(conn); {
	case v < 14:
		fs = append(fs, found(capture.Blocks, "server", fmt.Sprintf("it is PostgreSQL %d", v), "Use PostgreSQL 14 or later"))
	case v > 18:
		fs = append(fs, found(capture.Warns, "server", fmt.Sprintf("it is PostgreSQL %d, with which this was not tried", v), ""))
	}
	s, err := readSettings(ctx, conn)
	if err != nil {
		return fs, err
	}
	if s.walLevel != "logical" {
		fs = append(fs, found(capture.Blocks, "wal_level", "it is "+s.walLevel+", with which no changes can be decoded",
			"ALTER SYSTEM SET wal_level = logical, and restart the server"))
	}
	if s.senders == 0 {
		fs = append(fs, found(capture.Blocks, "max_wal_senders", "it is 0", "ALTER SYSTEM SET max_wal_senders = 10, and restart the server"))
	}
	if s.encoding == "SQL_ASCII" {
		fs = append(fs, found(capture.Warns, "server_encoding", "it is SQL_ASCII, so text may not be UTF-8", "Convert the database to UTF8"))
	}
	if len(s.absent) > 0 {
		fs = append(fs, found(capture.Warns, "synchronized_standby_slots",
			"no standby reads "+strings.Join(s.absent, ", ")+", and until one does, a slot that outlives a failover is sent nothing",
			"Start the standby, or take it out of the setting, as after a failover to it"))
	}
	return append(fs, s.retention()...), nil
}

// retention says what becomes of the source's log while nothing is captured.
func (s serverSettings) retention() (fs []finding) {
	if s.keep < 0 {
		fs = append(fs, found(capture.Note, "max_slot_wal_keep_size",
			"it is -1: while the slot is not read, the source keeps its log until its disk is full",
			"Set it below the room on that disk, and above what is written in the longest time without capture"))
	} else {
		fs = append(fs, found(capture.Note, "max_slot_wal_keep_size",
			fmt.Sprintf("it is %d MB: a slot that falls further behind is lost, and the two sides have to be compared anew", s.keep>>20),
			"Keep it above what is written in the longest time without capture"))
	}
	if s.idle > 0 {
		fs = append(fs, found(capture.Warns, "idle_replication_slot_timeout",
			fmt.Sprintf("a slot that is not read for %d seconds is lost", s.idle), "Set it to 0, or above the longest time without capture"))
	}
	return fs
}

// checkReplication tries what no catalogue tells for certain: whether the role,
// pg_hba.conf and what lies between let a replication connection pass.
func (c *Capturer) checkReplication(ctx context.Context, _ *pgx.Conn) ([]finding, error) {
	repl, err := c.connectReplication(ctx)
	if err == nil {
		defer hangUp(ctx, repl)
		_, err = c.identify(ctx, repl)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && !capture.Retryable(err) {
		advice := "ALTER ROLE " + pgx.Identifier{c.conn.User}.Sanitize() + " REPLICATION, or what the cloud has in its place, such as GRANT rds_replication"
		if pg.Code == "28000" && pg.Routine == "ClientAuthentication" {
			advice = "Let the role in for replication, in pg_hba.conf"
		}
		return []finding{found(capture.Blocks, "role "+c.conn.User, "it may not open a replication connection: "+words(pg)+" (SQLSTATE "+pg.Code+")", advice)}, nil
	}
	return nil, err
}

func (c *Capturer) checkTables(ctx context.Context, conn *pgx.Conn) (fs []finding, err error) {
	for _, n := range c.tables.order {
		t, err := c.inspect(ctx, conn, n)
		if err != nil {
			return fs, err
		}
		fs = append(fs, t.findings(c.tables.keyOnly[n], c.cfg.Publication)...)
	}
	return fs, nil
}

func (c *Capturer) checkPublication(ctx context.Context, conn *pgx.Conn) ([]finding, error) {
	object := "publication " + c.cfg.Publication
	pub, err := c.publication(ctx, conn)
	if err != nil {
		return nil, err
	}
	if pub != nil {
		if err := pub.covers(c.tables); err != nil {
			return []finding{found(capture.Blocks, object, problem(object, err), "Run the statement as the publication's owner")}, nil
		}
		return nil, nil
	}
	allowed := true
	err = conn.QueryRow(ctx, `SELECT has_database_privilege(current_database(), 'CREATE')`).Scan(&allowed)
	if err != nil {
		return nil, sourceError("ask for the role's rights", err)
	}
	for _, n := range c.tables.order {
		t, err := c.inspect(ctx, conn, n)
		if err != nil {
			return nil, err
		}
		allowed = allowed && (t.owned || !t.exists)
	}
	if !allowed {
		return []finding{found(capture.Blocks, object, "it does not exist, and the role may not create it",
			"Have the tables' owner run: "+c.publicationSQL(conn))}, nil
	}
	return []finding{found(capture.Note, object, "it does not exist", "the first run creates it")}, nil
}

func (c *Capturer) checkSlot(ctx context.Context, conn *pgx.Conn) ([]finding, error) {
	object := "slot " + c.cfg.Slot
	slot, err := c.slot(ctx, conn)
	if err != nil {
		return nil, err
	}
	s, err := readSettings(ctx, conn)
	if err != nil {
		return nil, err
	}
	switch {
	case !slot.exists && s.slotsUsed >= s.slots:
		return []finding{found(capture.Blocks, object, "it does not exist, and all replication slots are in use",
			"ALTER SYSTEM SET max_replication_slots to more, and restart the server")}, nil
	case !slot.exists:
		return []finding{found(capture.Note, object, "it does not exist", "the first run creates it")}, nil
	}
	return slot.findings(object, version(conn)), nil
}

// problem is what an error says of an object, which a finding names by itself.
func problem(object string, err error) string {
	if rest, ok := strings.CutPrefix(err.Error(), object+" "); ok {
		return "it " + rest
	}
	return err.Error()
}

func (s slotState) findings(object string, version int) (fs []finding) {
	if err := s.usable(); err != nil {
		return []finding{found(capture.Blocks, object, problem(object, err), "")}
	}
	if s.reader != 0 {
		fs = append(fs, found(capture.Note, object, fmt.Sprintf("it is being read, by the process of backend %d", s.reader), ""))
	}
	if s.status == "unreserved" {
		fs = append(fs, found(capture.Warns, object, "it is about to be lost: it is further behind than the source keeps its log",
			"Capture now, or raise max_slot_wal_keep_size"))
	}
	if version >= 17 && !s.failover {
		fs = append(fs, found(capture.Note, object, "it does not outlive a failover of the source",
			"While no run reads it, ALTER_REPLICATION_SLOT "+pgx.Identifier{s.name}.Sanitize()+" (FAILOVER true), on a replication connection"))
	}
	return fs
}
