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
    [changed_at] datetime2(3)  NULL,      -- of the last pause or resume, UTC
    [changed_by] nvarchar(256) NULL
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
	).Replace(ddl)
}
