package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// sourceDDL creates the table in the source.
func (t *genTable) sourceDDL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (%s int NOT NULL", t.source.Sanitize(), quoteSource(rowNumber))
	for _, c := range t.columns {
		fmt.Fprintf(&b, ", %s %s", quoteSource(c.name), c.from)
	}
	if len(t.key) > 0 {
		fmt.Fprintf(&b, ", PRIMARY KEY (%s)", join(t.key, func(c *genColumn) string { return quoteSource(c.name) }))
	}
	b.WriteString(")")
	if !t.keyOnly {
		fmt.Fprintf(&b, "; ALTER TABLE %s REPLICA IDENTITY FULL", t.source.Sanitize())
	}
	return b.String()
}

// targetDDL creates the table in the target, with columns that the target alone
// fills.
func (t *genTable) targetDDL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (", t.quoted())
	for _, c := range t.columns {
		null := " NULL"
		switch {
		case c.identity:
			null = " IDENTITY(1,1) NOT NULL"
		case c.isKey || c.sentinel != nil:
			null = " NOT NULL"
		case c.left == keptValue:
			null = " NOT NULL DEFAULT '" + keptValue + "'"
		}
		fmt.Fprintf(&b, "%s %s%s, ", quoteTarget(c.target), c.to, null)
	}
	fmt.Fprintf(&b, "[stamp] rowversion, [%s] char(5) NOT NULL, [twice] AS (2 * LEN([%s])), [%s] varchar(20) NULL DEFAULT '%s'",
		fixedColumn, fixedColumn, keptColumn, keptValue)
	if len(t.key) > 0 {
		fmt.Fprintf(&b, ", PRIMARY KEY (%s)", join(t.key, func(c *genColumn) string { return quoteTarget(c.target) }))
	}
	b.WriteString(")")
	return b.String()
}

// quoted is the target table's name.
func (t *genTable) quoted() string { return quoteTarget(t.target[0]) + "." + quoteTarget(t.target[1]) }

func quoteSource(name string) string { return pgx.Identifier{name}.Sanitize() }

func quoteTarget(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }

func join(columns []*genColumn, each func(*genColumn) string) string {
	var parts []string
	for _, c := range columns {
		parts = append(parts, each(c))
	}
	return strings.Join(parts, ", ")
}

// yaml is the table's part of the configuration.
func (t *genTable) yaml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  - source: %s\n    target: %s\n    exclude: [EXCLUDED]\n", quoteYAML(t.source.Sanitize()), quoteYAML(t.quoted()))
	if t.keyOnly {
		b.WriteString("    key_only: true\n    remember: true\n")
	}
	fmt.Fprintf(&b, "    fixed: {%s: %s}\n    columns:\n      %s: {skip: true}\n", fixedColumn, fixedValue, quoteYAML(rowNumber))
	for _, c := range t.columns {
		var rules []string
		if !strings.EqualFold(c.name, c.target) {
			rules = append(rules, "to: "+quoteYAML(c.target))
		}
		if c.rule != "" {
			rules = append(rules, c.rule+": true")
		}
		if c.sentinel != nil {
			rules = append(rules, "null_as: "+quoteYAML(c.sentinel.in))
		}
		if c.left == "NULL" {
			rules = append(rules, "owner: target")
		}
		if rules != nil {
			fmt.Fprintf(&b, "      %s: {%s}\n", quoteYAML(c.name), strings.Join(rules, ", "))
		}
	}
	return b.String()
}

func quoteYAML(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// createTables makes the schema on both sides and writes the configuration.
func (s *site) createTables(g *generator) []*genTable {
	s.t.Helper()
	schemas := [2]string{`Odd "sch'ema".1`, "dbo"}
	for _, name := range []string{"old dbo", "old.dbo [1]"} {
		if s.takes("CREATE SCHEMA " + quoteTarget(name)) {
			schemas[1] = name
		}
	}
	s.onSource("CREATE SCHEMA " + quoteSource(schemas[0]))
	s.onSource(typeDefinitions)
	g.names, g.identity = s.probe(oddNames()), "numbered"
	if name := "odd]. identity"; s.takesIdentity(name) {
		g.identity = name
	}
	tables := g.tables(schemas)
	var b strings.Builder
	fmt.Fprintf(&b, "source: {dsn: \"${SOURCE_DSN}\", slot: %s, publication: '\"Odd\" publication'}\n", s.slot())
	b.WriteString("target: {dsn: \"${TARGET_DSN}\", zone: Europe/London}\ntables:\n")
	for _, t := range tables {
		s.onSource(t.sourceDDL())
		s.onTarget(t.targetDDL())
		b.WriteString(t.yaml())
	}
	if err := os.WriteFile(filepath.Join(s.dir, "sync.yaml"), []byte(b.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return tables
}

// probe returns the names that the target can work with at all, in plain
// statements of the test's own. The stand-in must take every one; another server
// may have gaps, which are then left out and logged.
func (s *site) probe(names []string) []string {
	var taken []string
	for i, name := range names {
		q, q2 := quoteTarget(name), quoteTarget(name+"2")
		if s.takes(
			"CREATE TABLE dbo."+q+" ("+q+" int NOT NULL PRIMARY KEY, "+q2+" int NULL)",
			"CREATE TRIGGER dbo.probe"+strconv.Itoa(i)+" ON dbo."+q+" AFTER UPDATE AS BEGIN SET NOCOUNT ON; IF UPDATE("+q2+") DELETE FROM dbo."+q+" WHERE 1 = 0 END",
			"INSERT INTO dbo."+q+" ("+q+") VALUES (1)",
			"DECLARE @p1 int; SET @p1 = 1; UPDATE dbo."+q+" SET "+q2+" = @p1 WHERE "+q+" = @p1",
			"DROP TABLE dbo."+q) {
			taken = append(taken, name)
		}
	}
	return taken
}

// takesIdentity reports whether the target takes a value for an identity column
// of such a name.
func (s *site) takesIdentity(name string) bool {
	q := quoteTarget(name)
	return s.takes(
		"CREATE TABLE dbo."+q+" ("+q+" int IDENTITY(1,1) NOT NULL)",
		"SET IDENTITY_INSERT dbo."+q+" ON; INSERT INTO dbo."+q+" ("+q+") VALUES (7); SET IDENTITY_INSERT dbo."+q+" OFF",
		"DROP TABLE dbo."+q)
}

// takes runs statements, and reports whether the target takes them.
func (s *site) takes(statements ...string) bool {
	s.t.Helper()
	for _, statement := range statements {
		_, err := s.ms.ExecContext(s.t.Context(), statement)
		switch {
		case err == nil:
		case os.Getenv(sqlservertest.Environment) == "":
			s.t.Errorf("the stand-in refuses %s: %v", statement, err)
			return false
		default:
			s.t.Logf("left out, this server refuses it: %s: %v", statement, err)
			return false
		}
	}
	return true
}
