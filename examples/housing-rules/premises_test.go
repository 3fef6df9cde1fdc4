package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

var cluster *postgrestest.Cluster

// TestMain makes the test binary be the plugin, too, under the plugin's name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "housing-rules" {
		main()
		os.Exit(0)
	}
	os.Exit(postgrestest.Main(m, &cluster))
}

// schema is the tables on premises that Ashby's rules are about.
var schema = []string{
	`CREATE TABLE dbo.rentgrp (rentgrp_ref char(3) NOT NULL PRIMARY KEY, debit_outst bit NOT NULL)`,
	`CREATE TABLE dbo.tenagree (tag_ref char(11) NOT NULL PRIMARY KEY, cur_bal numeric(9,2) NOT NULL, rentgrp_ref char(3) NOT NULL, action_set int NOT NULL)`,
	`CREATE TABLE dbo.rtrans (ref int NOT NULL PRIMARY KEY, tag_ref char(11) NOT NULL, real_value numeric(9,2) NOT NULL)`,
	`CREATE TABLE dbo.eviction (tag_ref char(11) NOT NULL PRIMARY KEY, eviction_date smalldatetime NOT NULL)`,
	`CREATE TABLE dbo.araction (tag_ref char(11) NOT NULL, action_set int NOT NULL, action_no int NOT NULL, action_code char(3) NOT NULL,
action_balance numeric(7,2) NOT NULL, act_status char(3) NOT NULL, deferred_until smalldatetime NOT NULL,
CONSTRAINT pk_araction PRIMARY KEY (tag_ref, action_set, action_no, action_code))`,
	`CREATE TABLE dbo.rmreqst (rq_ref char(8) NOT NULL PRIMARY KEY, rechargeable bit NOT NULL)`,
	`CREATE TABLE dbo.rmtask (rq_ref char(8) NOT NULL, task_no int NOT NULL, job_code char(10) NOT NULL, sup_ref char(12) NULL, CONSTRAINT pk_rmtask PRIMARY KEY (rq_ref, task_no))`,
	`CREATE TABLE dbo.serials_dch (sno int IDENTITY(1,1) NOT NULL PRIMARY KEY, dummy char(1) NULL)`,
	`CREATE TABLE dbo.property (prop_ref char(12) NOT NULL PRIMARY KEY, level_code char(1) NOT NULL, address varchar(40) NULL)`,
	`CREATE TABLE dbo.propertydch (dchid int NOT NULL PRIMARY KEY, actionflag char(1) NOT NULL, moddate datetime NOT NULL DEFAULT GETDATE(), prop_ref char(12) NOT NULL, level_code char(1) NULL, address varchar(40) NULL)`,
	`CREATE TABLE dbo.member (house_ref char(10) NOT NULL, person_no int NOT NULL, forename varchar(30) NULL, u_ended bit NOT NULL, CONSTRAINT pk_member PRIMARY KEY (house_ref, person_no))`,
	`CREATE TABLE dbo.memberdch (dchid int NOT NULL PRIMARY KEY, actionflag char(1) NOT NULL, moddate datetime NOT NULL DEFAULT GETDATE(), house_ref char(10) NOT NULL, person_no int NOT NULL, forename varchar(30) NULL, u_ended bit NULL)`,
	`CREATE TABLE dbo.araagr (ref int NOT NULL PRIMARY KEY, freq_code char(1) NOT NULL, status varchar(10) NOT NULL)`,
	`INSERT INTO dbo.rentgrp (rentgrp_ref, debit_outst) VALUES ('GN', 0)`,
	`INSERT INTO dbo.tenagree (tag_ref, cur_bal, rentgrp_ref, action_set) VALUES ('000023/02', -12.5, 'GN', 2), ('000024/01', 0, 'GN', 1)`,
	`INSERT INTO dbo.araction (tag_ref, action_set, action_no, action_code, action_balance, act_status, deferred_until)
VALUES ('000023/02', 1, 9, 'GEN', 0, '001', ''), ('000023/02', 2, 3, 'GEN', 0, '001', '')`,
}

// triggers are the system's own, as councils that take part have amended them:
// each looks for the marker.
var triggers = []string{
	`CREATE TRIGGER dbo.tr_rtrans ON dbo.rtrans AFTER INSERT AS BEGIN
{guard}
UPDATE dbo.tenagree SET cur_bal = cur_bal + (SELECT SUM(i.real_value) FROM inserted i WHERE i.tag_ref = tenagree.tag_ref)
WHERE tag_ref IN (SELECT tag_ref FROM inserted)
END`,
	`CREATE TRIGGER dbo.tr_eviction ON dbo.eviction AFTER INSERT, UPDATE AS BEGIN
{guard}
INSERT INTO dbo.araction (tag_ref, action_set, action_no, action_code, action_balance, act_status, deferred_until)
SELECT i.tag_ref, t.action_set, COALESCE((SELECT MAX(a.action_no) FROM dbo.araction a WHERE a.tag_ref = i.tag_ref AND a.action_set = t.action_set), 0) + 1,
'EVD', t.cur_bal, '001', '1900-01-01'
FROM inserted i JOIN dbo.tenagree t ON t.tag_ref = i.tag_ref LEFT JOIN deleted d ON d.tag_ref = i.tag_ref
WHERE i.eviction_date <> '1900-01-01' AND (d.tag_ref IS NULL OR d.eviction_date <> i.eviction_date)
END`,
	`CREATE TRIGGER dbo.tr_rmreqst ON dbo.rmreqst AFTER INSERT, UPDATE AS BEGIN
{guard}
INSERT INTO dbo.rmtask (rq_ref, task_no, job_code, sup_ref)
SELECT i.rq_ref, COALESCE((SELECT MAX(t.task_no) FROM dbo.rmtask t WHERE t.rq_ref = i.rq_ref), 0) + 1, 'RECHARGE', 'H01' FROM inserted i
WHERE i.rechargeable = 1 AND NOT EXISTS (SELECT 1 FROM dbo.rmtask t WHERE t.rq_ref = i.rq_ref AND t.job_code = 'RECHARGE')
END`,
	`CREATE TRIGGER dbo.tr_araagr ON dbo.araagr AFTER INSERT, UPDATE AS BEGIN
{guard}
IF EXISTS (SELECT 1 FROM inserted WHERE freq_code = 'Q' AND status = 'LIVE') THROW 50001, 'a quarterly agreement does not go live', 1
END`,
	`CREATE TRIGGER dbo.tr_member_kept ON dbo.member AFTER DELETE AS BEGIN
{guard}
THROW 50002, 'a member is not deleted', 1
END`,
	historyTrigger("property", "prop_ref, level_code, address"),
	historyTrigger("member", "house_ref, person_no, forename, u_ended"),
}

// historyTrigger writes the change history of a table.
func historyTrigger(table, columns string) string {
	return strings.NewReplacer("{table}", table, "{columns}", columns).Replace(`CREATE TRIGGER dbo.tr_{table}dch ON dbo.{table} AFTER INSERT, UPDATE, DELETE AS BEGIN
{guard}
DECLARE @n int
DECLARE @flag char(1)
SET @flag = 'U'
IF NOT EXISTS (SELECT 1 FROM deleted) SET @flag = 'I'
IF NOT EXISTS (SELECT 1 FROM inserted) SET @flag = 'D'
INSERT INTO dbo.serials_dch DEFAULT VALUES
SET @n = SCOPE_IDENTITY()
IF @flag = 'D' INSERT INTO dbo.{table}dch (dchid, actionflag, {columns}) SELECT @n, @flag, {columns} FROM deleted
ELSE INSERT INTO dbo.{table}dch (dchid, actionflag, {columns}) SELECT @n, @flag, {columns} FROM inserted
END`)
}

// site is a system on premises.
type site struct {
	testing.TB
	db  *sql.DB
	cfg sqlserver.Config
}

// newSite makes one, whose tables are mapped with the given choice for triggers.
func newSite(t testing.TB, choice sqlserver.Triggers, r resolve.Resolver, e resolve.Emulator) *site {
	t.Helper()
	target := sqlservertest.Open(t, cluster)
	db, err := sql.Open("sqlserver", target.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := &site{TB: t, db: db, cfg: sqlserver.Config{DSN: target.DSN, Pipeline: "housing"}}
	s.exec(sqlserver.DDL(""))
	for _, statement := range schema {
		s.exec(statement)
	}
	for _, statement := range triggers {
		s.exec(strings.ReplaceAll(statement, "{guard}", "SET NOCOUNT ON\nIF SUBSTRING(CONTEXT_INFO(), 1, 8) = "+sqlserver.SilentMarker+" RETURN"))
	}
	for _, source := range sources {
		s.cfg.Tables = append(s.cfg.Tables, sqlserver.Table{Source: source.Name, Target: source.Name, Triggers: choice, Emulator: e, Conflict: r, Rule: "housing"})
	}
	return s
}

func (s *site) exec(statement string) {
	s.Helper()
	if _, err := s.db.ExecContext(s.Context(), statement); err != nil {
		s.Fatalf("%s: %v", statement, err)
	}
}

func (s *site) open() *sqlserver.Applier {
	s.Helper()
	a, err := sqlserver.Open(s.Context(), s.cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = a.Close() })
	return a
}

// rows are the rows of a query, each as its values with | between them.
func (s *site) rows(query string) (out []string) {
	s.Helper()
	for _, values := range sqlservertest.Rows(s, s.db, query) {
		var texts []string
		for _, v := range values {
			texts = append(texts, strings.TrimRight(v.String, " "))
		}
		out = append(out, strings.Join(texts, "|"))
	}
	return out
}

// sources are the cloud's tables.
var sources = []*capture.Table{
	sourceTable("rtrans", "*ref int4", "tag_ref text", "real_value numeric"),
	sourceTable("eviction", "*tag_ref text", "eviction_date timestamp"),
	sourceTable("rmreqst", "*rq_ref text", "rechargeable bool"),
	sourceTable("property", "*prop_ref text", "level_code text", "address text"),
	sourceTable("member", "*house_ref text", "*person_no int4", "forename text", "u_ended bool"),
	sourceTable("araagr", "*ref int4", "freq_code text", "status text"),
}

func sourceTable(name string, columns ...string) *capture.Table {
	t := &capture.Table{Schema: "public", Name: name, Identity: capture.IdentityFull}
	for _, c := range columns {
		column, base, _ := strings.Cut(strings.TrimPrefix(c, "*"), " ")
		t.Columns = append(t.Columns, capture.Column{Name: column, Base: base, Modifier: -1, Key: c[0] == '*'})
	}
	return t
}

// cloud is a change of one of sources: an insert where there is no row before, and
// so on.
func cloud(table, before, after string) capture.Change {
	c := change(table, "x", before, after)
	for _, t := range sources {
		if t.Name == table {
			c.Table = t
		}
	}
	return c
}

func transaction(position int, changes ...capture.Change) *capture.Tx {
	return &capture.Tx{Source: "cloud", Position: capture.Position(position), Changes: capturetest.Changes(changes...)}
}

// startRules starts the rules of a council in a process of their own.
func startRules(t testing.TB, council string) *plugin.Plugin {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "housing-rules")
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	p, err := plugin.Start(context.WithoutCancel(t.Context()), plugin.Config{
		Name: "housing", Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(text)), Config: councils[council],
		StartTimeout: time.Minute, CallTimeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
