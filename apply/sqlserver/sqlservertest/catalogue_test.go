package sqlservertest_test

import "testing"

// TestCatalogue asks the catalogue views as check does, with joins.
func TestCatalogue(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE SCHEMA app", "IF SCHEMA_ID('app2') IS NULL EXEC(N'CREATE SCHEMA app2')",
		`CREATE TABLE app.Parent (Id int IDENTITY(5,2) NOT NULL CONSTRAINT PK_Parent PRIMARY KEY CLUSTERED, Code nchar(4) COLLATE Latin1_General_BIN2 NOT NULL UNIQUE,
	Amount numeric(9,2) NULL CONSTRAINT DF_Amount DEFAULT (0), Twice AS Amount * 2, RV rowversion, CONSTRAINT CK_Amount CHECK (Amount >= 0))`,
		"CREATE TABLE app2.Child (A int NOT NULL, B int NOT NULL CONSTRAINT FK_Child FOREIGN KEY REFERENCES app.Parent (Id) ON DELETE CASCADE, S varchar(max) NULL, CONSTRAINT PK_Child PRIMARY KEY (B, A DESC))",
		"CREATE INDEX IX_S ON app2.Child (A) INCLUDE (B) WHERE A > 5", "CREATE TRIGGER app2.TR ON app2.Child AFTER INSERT, DELETE AS RETURN")
	for _, c := range [][2]string{
		{"SELECT s.name, t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id ORDER BY t.name", "app2 Child\napp Parent"},
		{`SELECT c.name, ty.name, c.max_length, c.precision, c.scale, c.is_nullable, c.is_identity, c.is_computed FROM sys.columns c
			JOIN sys.types ty ON ty.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID(N'[app].[parent]') ORDER BY c.column_id`,
			"Id int 4 10 0 0 1 0\nCode nchar 8 0 0 0 0 0\nAmount numeric 5 9 2 1 0 0\nTwice numeric 9 11 2 1 0 1\nRV timestamp 8 0 0 0 0 0"},
		{"SELECT collation_name FROM sys.columns WHERE name = 'code' AND object_id = OBJECT_ID('app.Parent', 'U')", "Latin1_General_BIN2"},
		{"SELECT i.seed_value, i.increment_value FROM sys.identity_columns i", "5 2"},
		{"SELECT d.name, d.definition, COL_NAME(d.parent_object_id, d.parent_column_id) FROM sys.default_constraints d", "DF_Amount ((0)) Amount"},
		{"SELECT name, type, OBJECT_NAME(parent_object_id) FROM sys.key_constraints WHERE is_system_named = 0 ORDER BY name", "PK_Child PK Child\nPK_Parent PK Parent"},
		{"SELECT i.name, i.is_unique, i.is_primary_key, i.type_desc, i.filter_definition FROM sys.indexes i WHERE i.object_id = OBJECT_ID('app2.Child') ORDER BY i.index_id",
			"PK_Child 1 1 CLUSTERED NULL\nIX_S 0 0 NONCLUSTERED (A > 5)"},
		{"SELECT c.name, ic.key_ordinal, ic.is_descending_key FROM sys.index_columns ic JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id WHERE ic.object_id = OBJECT_ID('app2.Child') AND ic.index_id = 1 ORDER BY ic.key_ordinal",
			"B 1 0\nA 2 1"},
		{"SELECT f.name, OBJECT_NAME(f.referenced_object_id), f.delete_referential_action_desc, k.parent_column_id, k.referenced_column_id FROM sys.foreign_keys f JOIN sys.foreign_key_columns k ON k.constraint_object_id = f.object_id",
			"FK_Child Parent CASCADE 2 1"},
		{"SELECT t.name, e.type_desc, t.is_disabled, t.is_instead_of_trigger FROM sys.triggers t JOIN sys.trigger_events e ON e.object_id = t.object_id ORDER BY e.type", "TR INSERT 0 0\nTR DELETE 0 0"},
		{"SELECT name FROM sys.check_constraints", "CK_Amount"},
		{"SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM INFORMATION_SCHEMA.TABLES ORDER BY 2", "app2 Child BASE TABLE\napp Parent BASE TABLE"},
		{"SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'child' ORDER BY ORDINAL_POSITION", "A int NULL NO\nB int NULL NO\nS varchar -1 YES"},
		{"SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE WHERE CONSTRAINT_NAME = 'PK_Child' ORDER BY ORDINAL_POSITION", "B\nA"},
		{"SELECT COUNT(*) FROM sys.databases WHERE name = DB_NAME()", "1"},
		{"SELECT COL_LENGTH('app.Parent', 'Code'), COLUMNPROPERTY(OBJECT_ID('app.Parent'), 'Id', 'IsIdentity')", "8 1"},
	} {
		if got, err := queryErr(db, c[0]); err != nil || got != c[1] {
			t.Errorf("%s\ngives %q (%v), want %q", c[0], got, err, c[1])
		}
	}
}

// TestAlter sees what ALTER and DROP leave of a table.
func TestAlter(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE TABLE t (id int NOT NULL, v varchar(5) NULL)", "INSERT INTO t VALUES (1, 'a')",
		"ALTER TABLE t ADD w int NOT NULL CONSTRAINT df DEFAULT 3, x datetime NULL", "ALTER TABLE t ADD CONSTRAINT pk PRIMARY KEY (id)",
		"ALTER TABLE t ALTER COLUMN v nvarchar(20) NOT NULL", "ALTER TABLE t DROP COLUMN x", "CREATE UNIQUE INDEX ux ON t (v)")
	if got := query(t, db, "SELECT * FROM t"); got != "1 a 3" {
		t.Error(got)
	}
	exec(t, db, "ALTER TABLE t DROP CONSTRAINT pk, df", "DROP INDEX ux ON t", "INSERT INTO t (id, v, w) VALUES (1, N'a', 4)")
	if _, err := db.Exec("INSERT INTO t (id, v) VALUES (1, N'a')"); number(err) != 515 {
		t.Errorf("a default that was dropped: %v", err)
	}
	exec(t, db, "DROP TABLE IF EXISTS t, t2", "CREATE TABLE t (v int)")
	if got := query(t, db, "SELECT COUNT(*) FROM t"); got != "0" {
		t.Error(got)
	}
}

// TestIndexes sees what an index means that ignores duplicates, or is disabled.
func TestIndexes(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE TABLE t (id int NOT NULL, v int NULL)", "CREATE UNIQUE INDEX ux ON t (id) WITH (PAD_INDEX = ON, IGNORE_DUP_KEY = ON)",
		"CREATE UNIQUE INDEX uv ON t (v)", "INSERT INTO t VALUES (1, 1)", "INSERT INTO t SELECT 1, 2", "ALTER INDEX uv ON t DISABLE", "INSERT INTO t VALUES (2, 1)")
	if got := query(t, db, "SELECT id, v FROM t ORDER BY id"); got != "1 1\n2 1" {
		t.Error(got)
	}
	if got := query(t, db, "SELECT name, is_disabled, ignore_dup_key FROM sys.indexes WHERE name LIKE 'u%' ORDER BY name"); got != "uv 1 0\nux 0 1" {
		t.Error(got)
	}
}
