package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// Check looks at everything that would keep the target from taking the changes
// of the given source tables as cfg maps them, and changes nothing. An error
// means that it could not look.
func Check(ctx context.Context, cfg Config, source []*capture.Table) ([]capture.Finding, error) {
	cfg, err := withDefaults(cfg)
	if err != nil {
		return nil, err
	}
	db, _, err := open(cfg)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	cat, err := readCatalogue(ctx, db)
	if err != nil {
		return nil, unreadCatalogue(translate(ctx, err))
	}
	c := &check{ctx: ctx, db: db, cfg: cfg}
	c.ownTables()
	mappings, wrong := matchTables(cfg.Tables, cat)
	for _, err := range wrong {
		c.blocks("tables", err)
	}
	c.tables(mappings, source)
	return c.findings, c.err
}

// Check looks at what [Check] does of the mapped tables, as Open read the
// target's catalogue, on the session that applies.
func (a *Applier) Check(ctx context.Context, source []*capture.Table) ([]capture.Finding, error) {
	conn, err := a.session(ctx)
	if err != nil {
		return nil, err
	}
	c := &check{ctx: ctx, db: conn, cfg: a.cfg}
	c.tables(a.mappings, source)
	return c.findings, c.err
}

// check is one run of Check.
type check struct {
	ctx      context.Context
	db       querier
	cfg      Config
	findings []capture.Finding
	err      error
}

func (c *check) add(level capture.Level, object, problem, advice string) {
	c.findings = append(c.findings, capture.Finding{Level: level, Object: object, Problem: problem, Advice: advice})
}

// blocks adds an error's sentence as a finding: what follows its semicolon is
// the advice. The sentence may begin with the object, as those of Apply do.
func (c *check) blocks(object string, err error) {
	problem, advice, _ := strings.Cut(strings.TrimPrefix(err.Error(), object+": "), "; ")
	c.add(capture.Blocks, object, problem, advice)
}

// ownTables looks for our own tables, without making the pipeline's row.
func (c *check) ownTables() {
	version, err := readVersion(c.ctx, c.db, c.cfg.Schema)
	switch {
	case err != nil:
		c.add(capture.Blocks, "schema "+c.cfg.Schema, "our own tables are missing, or the login may not read them", "have what the ddl command prints run in the target")
	case version != schemaVersion:
		c.add(capture.Blocks, "schema "+c.cfg.Schema, fmt.Sprintf("our own tables are of version %d, this program's are of version %d", version, schemaVersion), "run the program that made them, or its successor")
	default:
		c.written()
	}
}

// written looks for the table that came last: what the ddl command printed before
// has all the others.
func (c *check) written() {
	err := query(c.ctx, c.db, "SELECT TOP (1) [version] FROM "+name{c.cfg.Schema, "written"}.quoted(), func(*sql.Rows) error { return nil })
	if err != nil {
		c.add(capture.Blocks, "schema "+c.cfg.Schema, "our own table written is missing, or the login may not read it", "have what the ddl command prints run in the target again; it adds what is missing")
	}
}

func (c *check) tables(mappings map[name]*mapping, source []*capture.Table) {
	for _, t := range source {
		if m := mappings[name{t.Schema, t.Name}]; m != nil {
			c.table(m, t)
		}
	}
}

func (c *check) table(m *mapping, t *capture.Table) {
	c.columns(m, t)
	p, wrong := newPlan(m, t, planOptions{zone: c.cfg.Zone})
	for _, err := range wrong {
		if pair := (*pairError)(nil); !errors.As(err, &pair) { // which columns has told
			c.blocks(m.target.name.String(), err)
		}
	}
	c.triggers(m)
	c.ignored(m)
	c.lock(m)
	if p == nil {
		return
	}
	c.unwritten(p)
	c.key(p)
	c.remembering(p)
	c.permissions(p)
}

// unwritten says which of the target's other columns would refuse an insert.
func (c *check) unwritten(p *plan) {
	for _, column := range p.unwritten() {
		c.add(capture.Blocks, p.target.name.String()+", column "+column,
			"it must not be null, has no default, and nothing is written to it, so that every insert would be refused",
			"map a source column to it, or give it a value with `fixed`")
	}
}

// ignored says of each index that has the server leave out rows without an error.
func (c *check) ignored(m *mapping) {
	for _, u := range m.target.uniques {
		if u.ignoreDup {
			c.add(capture.Warns, m.target.name.String()+", index "+u.name, "it is made WITH (IGNORE_DUP_KEY = ON), so that an insert whose values another row has is left out without an error, also one of a trigger",
				"have it made again WITH (IGNORE_DUP_KEY = OFF)")
		}
	}
}

func (c *check) key(p *plan) {
	switch {
	case p.key == nil:
		c.add(capture.Note, p.target.name.String(), "it has no key: a row is found by its whole old image, and of rows that are the same one is taken", "")
	case !p.unique:
		c.add(capture.Warns, p.target.name.String(), "no unique index stands behind its key, so that each change scans the table and may find several rows", "have a unique index made on the key's columns")
	}
}

// remembering says what is not noticed where the source sends no old row.
func (c *check) remembering(p *plan) {
	object := p.target.name.String()
	switch {
	case p.source.Identity == capture.IdentityFull:
	case p.remember == nil:
		c.add(capture.Warns, object, "its source sends no old row, so that an update writes over what someone else wrote to the row in the target, and a delete deletes it, without a conflict",
			"let it `remember` what was written last, or ALTER TABLE … REPLICA IDENTITY FULL")
	default:
		c.add(capture.Note, object, "what someone else wrote to a row is noticed from the second change of the row on: before there is nothing that it can be compared with", "")
	}
}

// permissions asks for what the plan needs. A server that cannot tell is not
// held against anyone.
func (c *check) permissions(p *plan) {
	needs := []string{"SELECT", "INSERT", "UPDATE", "DELETE"}
	for _, column := range p.columns {
		if column.to.identity {
			needs = append(needs, "ALTER") // SET IDENTITY_INSERT
		}
	}
	c.permitted(p.target.name, needs...)
	if l := p.mapping.lock; l != nil && l.table != nil {
		c.permitted(l.table.name, "SELECT")
	}
}

func (c *check) permitted(table name, needs ...string) {
	asked := make([]string, len(needs))
	has, into := make([]sql.NullInt64, len(needs)), make([]any, len(needs))
	for i, need := range needs {
		asked[i] = "HAS_PERMS_BY_NAME(" + quoteText(table.quoted()) + ", N'OBJECT', N'" + need + "')"
		into[i] = &has[i]
	}
	err := query(c.ctx, c.db, "SELECT "+strings.Join(asked, ", "), func(rows *sql.Rows) error { return rows.Scan(into...) })
	if err != nil {
		if err = translate(c.ctx, err); capture.Retryable(err) || c.ctx.Err() != nil {
			c.err = errors.Join(c.err, err)
		}
		return
	}
	for i, need := range needs {
		if has[i].Valid && has[i].Int64 == 0 {
			c.add(capture.Blocks, table.String(), "the login lacks "+need+" on it", "GRANT "+need+" ON "+table.quoted()+" to the login's user")
		}
	}
}

// lock says what is done about records that someone has open.
func (c *check) lock(m *mapping) {
	switch {
	case m.lock == nil:
	case m.config.Conflict == nil:
		c.add(capture.Warns, m.target.name.String(), "nothing is written to a record that someone has open, by "+m.lock.name()+", and no policy decides about it, so that the first one stops the run",
			"give it a policy for the kind locked, such as park, which is tried again once the record is free")
	default:
		c.add(capture.Note, m.target.name.String(), "nothing is written to a record that someone has open, by "+m.lock.name(), "")
	}
}
