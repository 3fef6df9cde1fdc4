-- The catalogue views. The tables are written by the stand-in as objects come and
-- go; the domains tell it which type of SQL Server's a column has.
CREATE SCHEMA sys;
CREATE SCHEMA infosch;
CREATE DOMAIN tsql.bit AS int2;
CREATE DOMAIN tsql.tinyint AS int2;
CREATE DOMAIN tsql.sysname AS bpchar COLLATE tsql.ci_as;
CREATE DOMAIN tsql.nmax AS bpchar COLLATE tsql.ci_as;
CREATE DOMAIN tsql.chr AS bpchar COLLATE tsql.ci_as;
CREATE DOMAIN tsql.datetime AS timestamp;

CREATE TABLE sys.schemas (name tsql.sysname, schema_id int4, principal_id int4);
CREATE TABLE sys.objects (
  name tsql.sysname, object_id int4, principal_id int4, schema_id int4, parent_object_id int4, type tsql.chr, type_desc tsql.sysname,
  create_date tsql.datetime DEFAULT date_trunc('second', localtimestamp), modify_date tsql.datetime DEFAULT date_trunc('second', localtimestamp), is_ms_shipped tsql.bit DEFAULT 0, is_published tsql.bit DEFAULT 0);
CREATE TABLE sys.columns (
  object_id int4, name tsql.sysname, column_id int4, system_type_id tsql.tinyint, user_type_id int4, max_length int2,
  precision tsql.tinyint, scale tsql.tinyint, collation_name tsql.sysname, is_nullable tsql.bit, is_ansi_padded tsql.bit,
  is_rowguidcol tsql.bit, is_identity tsql.bit, is_computed tsql.bit, default_object_id int4, generated_always_type tsql.tinyint,
  is_hidden tsql.bit, is_sparse tsql.bit);
CREATE TABLE sys.types (
  name tsql.sysname, system_type_id tsql.tinyint, user_type_id int4, schema_id int4, max_length int2, precision tsql.tinyint,
  scale tsql.tinyint, collation_name tsql.sysname, is_nullable tsql.bit, is_user_defined tsql.bit);
CREATE TABLE sys.identity_columns (object_id int4, name tsql.sysname, column_id int4, seed_value int8, increment_value int8, last_value int8, is_not_for_replication tsql.bit);
CREATE TABLE sys.computed_columns (object_id int4, name tsql.sysname, column_id int4, definition tsql.nmax, is_persisted tsql.bit, is_computed tsql.bit);
CREATE TABLE sys.default_constraints (name tsql.sysname, object_id int4, schema_id int4, parent_object_id int4, parent_column_id int4, definition tsql.nmax, is_system_named tsql.bit);
CREATE TABLE sys.check_constraints (name tsql.sysname, object_id int4, schema_id int4, parent_object_id int4, parent_column_id int4, definition tsql.nmax, is_system_named tsql.bit, is_disabled tsql.bit, is_not_trusted tsql.bit);
CREATE TABLE sys.key_constraints (name tsql.sysname, object_id int4, schema_id int4, parent_object_id int4, type tsql.chr, type_desc tsql.sysname, unique_index_id int4, is_system_named tsql.bit);
CREATE TABLE sys.indexes (
  object_id int4, name tsql.sysname, index_id int4, type tsql.tinyint, type_desc tsql.sysname, is_unique tsql.bit, is_primary_key tsql.bit,
  is_unique_constraint tsql.bit, is_disabled tsql.bit, has_filter tsql.bit, filter_definition tsql.nmax, ignore_dup_key tsql.bit, is_hypothetical tsql.bit);
CREATE TABLE sys.index_columns (object_id int4, index_id int4, index_column_id int4, column_id int4, key_ordinal tsql.tinyint, is_descending_key tsql.bit, is_included_column tsql.bit);
CREATE TABLE sys.foreign_keys (
  name tsql.sysname, object_id int4, schema_id int4, parent_object_id int4, referenced_object_id int4, key_index_id int4, is_disabled tsql.bit, is_not_trusted tsql.bit,
  delete_referential_action tsql.tinyint, delete_referential_action_desc tsql.sysname, update_referential_action tsql.tinyint, update_referential_action_desc tsql.sysname, is_system_named tsql.bit);
CREATE TABLE sys.foreign_key_columns (constraint_object_id int4, constraint_column_id int4, parent_object_id int4, parent_column_id int4, referenced_object_id int4, referenced_column_id int4);
CREATE TABLE sys.triggers (
  name tsql.sysname, object_id int4, parent_class tsql.tinyint, parent_class_desc tsql.sysname, parent_id int4, type tsql.chr, is_ms_shipped tsql.bit, is_disabled tsql.bit,
  is_not_for_replication tsql.bit, is_instead_of_trigger tsql.bit, create_date tsql.datetime DEFAULT date_trunc('second', localtimestamp), modify_date tsql.datetime DEFAULT date_trunc('second', localtimestamp));
CREATE TABLE sys.trigger_events (object_id int4, type int4, type_desc tsql.sysname, is_first tsql.bit, is_last tsql.bit);
CREATE TABLE sys.sql_modules (object_id int4, definition tsql.nmax);
CREATE VIEW sys.databases AS SELECT current_database()::tsql.sysname AS name, 5 AS database_id, y.collation_name, 150::tsql.tinyint AS compatibility_level,
  0::tsql.tinyint AS state, 'ONLINE'::tsql.sysname AS state_desc, 0::tsql.bit AS is_read_committed_snapshot_on, 1::tsql.tinyint AS snapshot_isolation_state,
  0::tsql.bit AS is_cdc_enabled, 'FULL'::tsql.sysname AS recovery_model_desc, 0::tsql.bit AS is_read_only
  FROM sys.types y WHERE y.name = 'sysname'::bpchar;
CREATE VIEW sys.tables AS SELECT o.*, 0::tsql.tinyint AS temporal_type, 0::tsql.bit AS is_memory_optimized FROM sys.objects o WHERE type = 'U'::bpchar;
CREATE VIEW sys.views AS SELECT * FROM sys.objects o WHERE type = 'V'::bpchar;
CREATE VIEW sys.all_columns AS SELECT * FROM sys.columns;
CREATE VIEW sys.all_objects AS SELECT * FROM sys.objects;

CREATE VIEW sys.fn_helpcollations AS SELECT (p || c || u)::tsql.sysname AS name, ''::tsql.nmax AS description
  FROM unnest(ARRAY['Latin1_General_', 'Latin1_General_100_', 'SQL_Latin1_General_CP1_']) p,
    unnest(ARRAY['CI_AS', 'CS_AS', 'CI_AI', 'CS_AI', 'BIN', 'BIN2']) c, unnest(ARRAY['', '_UTF8']) u
  WHERE u = '' OR p = 'Latin1_General_100_';

INSERT INTO sys.schemas VALUES ('dbo', 1, 1), ('guest', 2, 2), ('INFORMATION_SCHEMA', 3, 3), ('sys', 4, 4);
-- Names that the statements below have in small letters are asked for in any.
CREATE VIEW infosch."TABLES" AS
  SELECT db.name AS "TABLE_CATALOG", s.name AS "TABLE_SCHEMA", o.name AS "TABLE_NAME",
    (CASE o.type WHEN 'U'::bpchar THEN 'BASE TABLE' ELSE 'VIEW' END)::tsql.sysname AS "TABLE_TYPE"
  FROM sys.objects o JOIN sys.schemas s USING (schema_id) CROSS JOIN sys.databases db WHERE o.type IN ('U'::bpchar, 'V'::bpchar);
CREATE VIEW infosch."COLUMNS" AS
  SELECT db.name AS "TABLE_CATALOG", s.name AS "TABLE_SCHEMA", o.name AS "TABLE_NAME", c.name AS "COLUMN_NAME",
    row_number() OVER (PARTITION BY c.object_id ORDER BY c.column_id)::int4 AS "ORDINAL_POSITION", d.definition AS "COLUMN_DEFAULT",
    (CASE c.is_nullable WHEN 1 THEN 'YES' ELSE 'NO' END)::tsql.sysname AS "IS_NULLABLE", t.name AS "DATA_TYPE",
    (CASE WHEN t.name IN ('nchar', 'nvarchar') AND c.max_length > 0 THEN c.max_length / 2
      WHEN t.name IN ('char', 'varchar', 'binary', 'varbinary', 'nchar', 'nvarchar') THEN c.max_length
      WHEN t.name IN ('text', 'image') THEN 2147483647 WHEN t.name = 'ntext' THEN 1073741823 WHEN t.name = 'xml' THEN -1 END)::int4 AS "CHARACTER_MAXIMUM_LENGTH",
    (CASE WHEN c.collation_name IS NULL AND t.name NOT LIKE '%date%' AND t.name <> 'time' AND c.precision > 0 THEN c.precision END)::tsql.tinyint AS "NUMERIC_PRECISION",
    (CASE WHEN c.collation_name IS NULL AND t.name IN ('decimal', 'numeric', 'money', 'smallmoney', 'int', 'bigint', 'smallint', 'tinyint') THEN c.scale END)::int4 AS "NUMERIC_SCALE",
    (CASE WHEN t.name IN ('datetime2', 'datetimeoffset', 'time') THEN c.scale WHEN t.name = 'datetime' THEN 3 WHEN t.name IN ('date', 'smalldatetime') THEN 0 END)::int2 AS "DATETIME_PRECISION",
    c.collation_name AS "COLLATION_NAME"
  FROM sys.columns c JOIN sys.objects o USING (object_id) JOIN sys.schemas s USING (schema_id) JOIN sys.types t ON t.user_type_id = c.user_type_id
    LEFT JOIN sys.default_constraints d ON d.object_id = c.default_object_id CROSS JOIN sys.databases db;
CREATE VIEW infosch."TABLE_CONSTRAINTS" AS
  SELECT db.name AS "CONSTRAINT_CATALOG", s.name AS "CONSTRAINT_SCHEMA", o.name AS "CONSTRAINT_NAME", db.name AS "TABLE_CATALOG",
    s.name AS "TABLE_SCHEMA", p.name AS "TABLE_NAME",
    (CASE rtrim(o.type) WHEN 'PK' THEN 'PRIMARY KEY' WHEN 'UQ' THEN 'UNIQUE' WHEN 'F' THEN 'FOREIGN KEY' ELSE 'CHECK' END)::tsql.sysname AS "CONSTRAINT_TYPE"
  FROM sys.objects o JOIN sys.objects p ON p.object_id = o.parent_object_id JOIN sys.schemas s ON s.schema_id = o.schema_id CROSS JOIN sys.databases db
  WHERE rtrim(o.type) IN ('PK', 'UQ', 'F', 'C');
CREATE VIEW infosch."KEY_COLUMN_USAGE" AS
  SELECT db.name AS "CONSTRAINT_CATALOG", s.name AS "CONSTRAINT_SCHEMA", k.name AS "CONSTRAINT_NAME", db.name AS "TABLE_CATALOG",
    s.name AS "TABLE_SCHEMA", p.name AS "TABLE_NAME", c.name AS "COLUMN_NAME", k.ord AS "ORDINAL_POSITION"
  FROM (SELECT kc.name, kc.parent_object_id, kc.schema_id, ic.column_id, ic.key_ordinal::int4 AS ord FROM sys.key_constraints kc
      JOIN sys.index_columns ic ON ic.object_id = kc.parent_object_id AND ic.index_id = kc.unique_index_id
    UNION ALL SELECT f.name, f.parent_object_id, f.schema_id, fc.parent_column_id, fc.constraint_column_id FROM sys.foreign_keys f
      JOIN sys.foreign_key_columns fc ON fc.constraint_object_id = f.object_id) k
  JOIN sys.objects p ON p.object_id = k.parent_object_id JOIN sys.schemas s ON s.schema_id = k.schema_id
  JOIN sys.columns c ON c.object_id = k.parent_object_id AND c.column_id = k.column_id CROSS JOIN sys.databases db;

CREATE FUNCTION tsql.object_id(x bpchar, kind bpchar) RETURNS int4 LANGUAGE plpgsql STABLE AS $$
DECLARE p text[] COLLATE "C" := '{}'; m text[] COLLATE "C";
BEGIN
  FOR m IN SELECT regexp_matches((tsql.t(x) COLLATE "C"), '\[((?:[^\]]|\]\])+)\]|"([^"]+)"|([^.\[\]"]+)|(?<=\.)(?=\.)', 'g') LOOP
    p := p || coalesce(replace(m[1], ']]', ']'), m[2], m[3], '');
  END LOOP;
  RETURN (SELECT o.object_id FROM sys.objects o JOIN sys.schemas s USING (schema_id)
    WHERE o.name = p[cardinality(p)]::bpchar COLLATE tsql.ci_as
      AND s.name = coalesce(nullif(p[cardinality(p) - 1], ''), 'dbo')::bpchar COLLATE tsql.ci_as
      AND (kind IS NULL OR o.type = kind COLLATE tsql.ci_as));
END$$;
CREATE FUNCTION tsql.object_name(id int4) RETURNS bpchar LANGUAGE sql STABLE AS $$SELECT name::bpchar FROM sys.objects WHERE object_id = id$$;
CREATE FUNCTION tsql.object_schema_name(id int4) RETURNS bpchar LANGUAGE sql STABLE AS
$$SELECT s.name::bpchar FROM sys.objects o JOIN sys.schemas s USING (schema_id) WHERE object_id = id$$;
CREATE FUNCTION tsql.col_length(t bpchar, c bpchar) RETURNS int4 LANGUAGE sql STABLE AS
$$SELECT max_length FROM sys.columns WHERE object_id = tsql.object_id(t, NULL) AND name = c COLLATE tsql.ci_as$$;
CREATE FUNCTION tsql.columnproperty(t int4, c bpchar, p bpchar) RETURNS int4 LANGUAGE sql STABLE AS $$
  SELECT CASE lower((tsql.t(p) COLLATE "C")) WHEN 'isidentity' THEN is_identity WHEN 'iscomputed' THEN is_computed WHEN 'allowsnull' THEN is_nullable
    WHEN 'columnid' THEN column_id WHEN 'precision' THEN precision WHEN 'scale' THEN scale WHEN 'ishidden' THEN is_hidden
    WHEN 'generatedalwaystype' THEN generated_always_type END
  FROM sys.columns WHERE object_id = t AND name = c COLLATE tsql.ci_as$$;
CREATE FUNCTION tsql.objectproperty(t int4, p bpchar) RETURNS int4 LANGUAGE sql STABLE AS $$
  SELECT CASE lower((tsql.t(p) COLLATE "C")) WHEN 'istable' THEN (type = 'U'::bpchar)::int4 WHEN 'isusertable' THEN (type = 'U'::bpchar)::int4
    WHEN 'isview' THEN (type = 'V'::bpchar)::int4 WHEN 'istrigger' THEN (type = 'TR'::bpchar)::int4
    WHEN 'tabletemporaltype' THEN CASE type WHEN 'U'::bpchar THEN 0 END
    WHEN 'tablehasidentity' THEN (EXISTS (SELECT FROM sys.identity_columns i WHERE i.object_id = t))::int4
    WHEN 'tablehasprimarykey' THEN (EXISTS (SELECT FROM sys.key_constraints k WHERE k.parent_object_id = t AND k.type = 'PK'::bpchar))::int4 END
  FROM sys.objects WHERE object_id = t$$;
CREATE FUNCTION tsql.ident_current(t bpchar) RETURNS numeric LANGUAGE plpgsql STABLE AS $$
DECLARE r numeric; seq regclass;
BEGIN
  SELECT tsql.identity_sequence(quote_ident(s.name::text) || '.' || quote_ident(o.name::text)) INTO seq
  FROM sys.objects o JOIN sys.schemas s USING (schema_id) WHERE o.object_id = tsql.object_id(t, NULL);
  IF seq IS NULL THEN RETURN NULL; END IF;
  EXECUTE 'SELECT last_value FROM ' || seq INTO r;
  RETURN r;
END$$;
CREATE FUNCTION tsql.collationproperty(c bpchar, p bpchar) RETURNS int4 LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN (tsql.t(c) COLLATE "C") !~* 'latin1_general' THEN NULL WHEN lower((tsql.t(p) COLLATE "C")) = 'codepage' THEN CASE WHEN (tsql.t(c) COLLATE "C") ~* '_UTF8$' THEN 65001 ELSE 1252 END
    WHEN lower((tsql.t(p) COLLATE "C")) = 'lcid' THEN 1033 END$$;
