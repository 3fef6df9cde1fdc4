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
	db, err := open(cfg)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	cat, err := readCatalogue(ctx, db)
	if err != nil {
		return nil, translate(ctx, err)
	}
	c := &check{ctx: ctx, db: db, cfg: cfg}
	c.ownTables()
	mappings, wrong := matchTables(cfg.Tables, cat)
	for _, err := range wrong {
		c.blocks("tables", err)
	}
	for _, t := range source {
		if m := mappings[name{t.Schema, t.Name}]; m != nil {
			c.table(m, t)
		}
	}
	return c.findings, c.err
}

// check is one run of Check.
type check struct {
	ctx      context.Context
	db       *sql.DB
	cfg      Config
	findings []capture.Finding
	err      error
}

func (c *check) add(level capture.Level, object, problem, advice string) {
	c.findings = append(c.findings, capture.Finding{Level: level, Object: object, Problem: problem, Advice: advice})
}

// blocks adds an error's sentence as a finding: what follows its semicolon is
// the advice.
func (c *check) blocks(object string, err error) {
	problem, advice, _ := strings.Cut(err.Error(), "; ")
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
	}
}

func (c *check) table(m *mapping, t *capture.Table) {
	p, wrong := newPlan(m, t, planOptions{zone: c.cfg.Zone})
	for _, err := range wrong {
		c.blocks(m.target.name.String(), err)
	}
	c.triggers(m.target)
	if p == nil {
		return
	}
	c.columns(m, p)
	c.key(p)
	c.permissions(p)
}

// columns says of each pair of columns what it does to values, and of the
// target's other columns which would refuse an insert.
func (c *check) columns(m *mapping, p *plan) {
	for _, column := range p.columns {
		from := p.source.Columns[column.from]
		rule := m.config.Columns[from.Name]
		level, problem, advice := verdict(from, column.to.typ, codecOptions{lossy: rule.Lossy, zone: c.cfg.Zone, nullAs: rule.NullAs})
		if problem != "" {
			c.add(level, p.target.name.String()+", column "+column.to.name, problem, advice)
		}
	}
	for _, column := range p.unwritten() {
		c.add(capture.Blocks, p.target.name.String()+", column "+column,
			"it must not be null, has no default, and nothing is written to it, so that every insert would be refused",
			"map a source column to it, or give it a value with `fixed`")
	}
}

func (c *check) key(p *plan) {
	switch {
	case p.key == nil:
		c.add(capture.Note, p.target.name.String(), "it has no key: a row is found by its whole old image, and of rows that are the same one is taken", "")
	case !p.uniquelyKeyed():
		c.add(capture.Warns, p.target.name.String(), "no unique index stands behind its key, so that each change scans the table and may find several rows", "have a unique index made on the key's columns")
	}
}

func (c *check) triggers(t *targetTable) {
	for _, trigger := range t.triggers {
		object := t.name.String() + ", trigger " + trigger.name
		switch {
		case trigger.disabled:
		case trigger.insteadOf:
			c.add(capture.Warns, object, "it fires INSTEAD OF the write, and may report a row that it did not write", "compare the two sides after the first changes of this table")
		default:
			c.add(capture.Note, object, "it fires on what is applied", "")
		}
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
	for _, need := range needs {
		var has sql.NullInt64
		err := query(c.ctx, c.db, "SELECT HAS_PERMS_BY_NAME("+quoteText(p.target.name.quoted())+", N'OBJECT', N'"+need+"')",
			func(rows *sql.Rows) error { return rows.Scan(&has) })
		if err != nil {
			if err = translate(c.ctx, err); capture.Retryable(err) || c.ctx.Err() != nil {
				c.err = errors.Join(c.err, err)
			}
			return
		}
		if has.Valid && has.Int64 == 0 {
			c.add(capture.Blocks, p.target.name.String(), "the login lacks "+need+" on it", "GRANT "+need+" ON "+p.target.name.quoted()+" to the login's user")
		}
	}
}
