package sqlserver

import "strings"

// schemaVersion is the version of our own tables. It is stored in the target,
// and another one is refused.
const schemaVersion = 1

// DefaultSchema is where our own tables are unless Config.Schema says
// otherwise.
const DefaultSchema = "syncback"

// ddl creates our own schema where it is absent. Everything stands in one batch
// without GO, so that sqlcmd, a query window and a driver all take it.
const ddl = `-- syncback's own tables. Nothing else in this database is changed.
-- The login that syncback runs as needs, beside DML on the mapped tables:
--   GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::{schema} TO [that login's user];
IF SCHEMA_ID({name}) IS NULL EXEC({create});

-- One row: the version of these tables.
IF OBJECT_ID({version}) IS NULL
CREATE TABLE {schema}.[version] (
    [version] int NOT NULL
);
IF NOT EXISTS (SELECT 1 FROM {schema}.[version])
INSERT INTO {schema}.[version] ([version]) VALUES (1);

-- One row a pipeline: how far it was applied, and whether it is paused. The row
-- is updated first and in the same transaction as the data that it speaks of.
IF OBJECT_ID({checkpoint}) IS NULL
CREATE TABLE {schema}.[checkpoint] (
    [pipeline]   nvarchar(128) NOT NULL PRIMARY KEY,
    [source]     nvarchar(400) NOT NULL,  -- empty until the pipeline began
    [position]   bigint        NOT NULL,  -- of the last source transaction applied, or just before the first
    [applied_at] datetime2(3)  NULL,      -- UTC
    [paused]     bit           NOT NULL,
    [parked]     int           NOT NULL DEFAULT 0,  -- how many source transactions are parked
    [changed_at] datetime2(3)  NULL,      -- of the last pause or resume, UTC
    [changed_by] nvarchar(256) NULL
);

-- The ledger: one row for each conflict that was decided, written in the
-- transaction that carried the decision out.
IF OBJECT_ID({conflict}) IS NULL
CREATE TABLE {schema}.[conflict] (
    [id]           bigint IDENTITY(1,1) NOT NULL PRIMARY KEY,
    [pipeline]     nvarchar(128) NOT NULL,
    [position]     bigint        NOT NULL,  -- of the source transaction
    [txid]         bigint        NOT NULL,  -- its number in the source
    [committed_at] datetime2(6)  NULL,      -- there, UTC
    [change_no]    bigint        NOT NULL,  -- of the change in it, from 0
    [kind]         varchar(20)   NOT NULL,  -- such as update_differs
    [op]           varchar(10)   NOT NULL,  -- insert, update or delete
    [table_name]   nvarchar(257) NOT NULL,
    [row_key]      nvarchar(max) NULL,      -- this and the next four: JSON objects of the target's columns
    [base]         nvarchar(max) NULL,      -- the row as the source had it before
    [incoming]     nvarchar(max) NULL,      -- as the source had it then
    [current_row]  nvarchar(max) NULL,      -- as the target had it
    [result]       nvarchar(max) NULL,      -- as the target has it since; NULL is no row
    [differs]      nvarchar(max) NULL,      -- the columns that it is about, a JSON array of names; NULL is not known
    [constraint_name] nvarchar(256) NULL,   -- what refused
    [rule_name]    nvarchar(128) NOT NULL,  -- who decided
    [action]       varchar(20)   NOT NULL,  -- such as take_source
    [reason]       nvarchar(1000) NULL,
    [decided_by]   nvarchar(256) NULL,      -- the person; NULL is the rule
    [decided_at]   datetime2(3)  NOT NULL   -- UTC
);
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID({conflict}) AND [name] = N'by_change')
CREATE INDEX [by_change] ON {schema}.[conflict] ([pipeline], [position], [change_no]);
IF NOT EXISTS (SELECT 1 FROM sys.indexes WHERE [object_id] = OBJECT_ID({conflict}) AND [name] = N'by_time')
CREATE INDEX [by_time] ON {schema}.[conflict] ([pipeline], [decided_at]);

-- Parked source transactions: those that wait for a person's decision, and those
-- that wait behind them because they touch the same rows.
IF OBJECT_ID({parked}) IS NULL
CREATE TABLE {schema}.[parked] (
    [pipeline]     nvarchar(128) NOT NULL,
    [position]     bigint        NOT NULL,
    [txid]         bigint        NOT NULL,
    [committed_at] datetime2(6)  NULL,      -- in the source, UTC
    [origin]       nvarchar(400) NULL,
    [conflict]     bigint        NULL,      -- the ledger's row about it; NULL waits behind another
    [changes]      bigint        NOT NULL,
    [pieces]       int           NOT NULL,
    [parked_at]    datetime2(3)  NOT NULL,  -- UTC
    [sealed_by]    varchar(16)   NOT NULL,  -- tells the key that its pieces are sealed with; empty is in clear
    PRIMARY KEY ([pipeline], [position])
);

-- Their changes, as JSON, in pieces; sealed where there is a ledger key.
IF OBJECT_ID({parked_piece}) IS NULL
CREATE TABLE {schema}.[parked_piece] (
    [pipeline] nvarchar(128) NOT NULL,
    [position] bigint        NOT NULL,
    [piece]    int           NOT NULL,
    [body]     nvarchar(max) NOT NULL,
    PRIMARY KEY ([pipeline], [position], [piece])
);

-- What they touch, as hashes of tables, columns and values; keyed where there is
-- a ledger key.
IF OBJECT_ID({parked_key}) IS NULL
CREATE TABLE {schema}.[parked_key] (
    [pipeline] nvarchar(128) NOT NULL,
    [resource] char(32)      NOT NULL,
    [touch]    tinyint       NOT NULL,  -- 1 holds it, 2 refers to it, 3 removes it
    [position] bigint        NOT NULL,
    PRIMARY KEY ([pipeline], [resource], [touch], [position]),
    UNIQUE ([pipeline], [position], [resource], [touch])
);

-- What was last written to the rows of tables that remember: one row for each of
-- theirs that was ever written and is still there. It can be emptied at any time;
-- the next change of each row is then not looked at for what others did to it.
IF OBJECT_ID({written}) IS NULL
CREATE TABLE {schema}.[written] (
    [pipeline]   nvarchar(128) NOT NULL,
    [table_name] nvarchar(257) NOT NULL,
    [resource]   char(32)      NOT NULL,  -- the row, as a hash of its key; keyed where there is a ledger key
    [columns]    char(8)       NOT NULL,  -- tells which columns the hash is of
    [hash]       char(32)      NOT NULL,  -- of their values; keyed likewise
    [version]    binary(8)     NULL,      -- its rowversion, where it has one
    PRIMARY KEY ([pipeline], [table_name], [resource])
);
`

// DDL returns the T-SQL that creates our own tables in schema ("" means
// [DefaultSchema]), for a DBA to review and run. It can be run again.
func DDL(schema string) string {
	if schema == "" {
		schema = DefaultSchema
	}
	object := func(table string) string { return quoteText(name{schema, table}.quoted()) }
	return strings.NewReplacer(
		"{schema}", quote(schema),
		"{name}", quoteText(schema),
		"{create}", quoteText("CREATE SCHEMA "+quote(schema)),
		"{version}", object("version"),
		"{checkpoint}", object("checkpoint"),
		"{conflict}", object("conflict"),
		"{parked}", object("parked"),
		"{parked_piece}", object("parked_piece"),
		"{parked_key}", object("parked_key"),
		"{written}", object("written"),
	).Replace(ddl)
}
