package main_test

import (
	"fmt"
	"slices"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// A leakTest is a table with a marked value in it, and an obstacle to
// it in the target, which the program has to report without the value.
type leakTest struct {
	name            string
	key             string // the marked key of the row
	from, to, value string // of the column v: its types, and the value as SQL
	there           string // what is done on both sides before the first run; $t is the table, $k the key
	rules           string // what the table has in the file meanwhile, such as its conflict policy
	target          string // what is done in the target beforehand; $t and $k as above
	source          string // what is done in the source, where it is no insert; $v is the value
	undo            string // what is done in the target afterwards; "" takes v out of the mapping, "-" is nothing
	fault           sqlservertest.Fault
	decided         bool   // whether the conflict is decided or parked, and the run goes on
	done            bool   // whether the column v is out of the mapping since
	want            string // what the last word has, or the ledger, to show that it came to this
}

// leakTests has an error for each kind of value, and each way in which a server
// answers with one.
func leakTests(m *marks) []leakTest {
	tests := []leakTest{
		{name: "long text", from: "text", to: "nvarchar(3)", value: "'" + m.word() + "'", want: "longer"},
		{name: "long varchar", from: "varchar(60)", to: "varchar(5)", value: "'" + m.word() + "'", want: "longer"},
		{name: "long char", from: "char(20)", to: "char(5)", value: "'" + m.word() + "'", want: "longer"},
		{name: "letter outside the code page", from: "text", to: "varchar(60)", value: "'" + m.word() + "日'", want: "code page"},
		{name: "int2", from: "int4", to: "smallint", value: m.number(9), want: "range"},
		{name: "int8", from: "int8", to: "int", value: m.number(15), want: "range"},
		{name: "numeric", from: "numeric", to: "decimal(9,2)", value: m.number(14) + ".50", want: "range"},
		{name: "scale", from: "numeric", to: "decimal(18,2)", value: m.add(chance(9) + "." + chance(5) + "7"), want: "decimals"},
		{name: "float8", from: "float8", to: "real", value: m.number(15), want: "no real"},
		{name: "float4", from: "float8", to: "int", value: m.number(12), want: "range"},
		{name: "bytea", from: "bytea", to: "varbinary(3)", value: "'" + m.word() + "'", want: "longer"},
		{name: "json", from: "jsonb", to: "nvarchar(5)", value: `'{"name": "` + m.word() + `"}'`, want: "longer"},
		{name: "array", from: "text[]", to: "nvarchar(5)", value: `'{` + m.word() + `}'`, want: "longer"},
		{name: "enum", from: "ENUM", to: "nvarchar(5)", value: `'` + m.word() + `'`, want: "longer"},
		{name: "inet", from: "inet", to: "nvarchar(5)", value: `'` + m.add("fd00:1"+chance(3)+":1"+chance(3)+"::1") + `'`, want: "longer"},
		{name: "interval", from: "interval", to: "nvarchar(5)", value: `'` + m.number(7) + ` days'`, want: "longer"},
		{name: "xml", from: "xml", to: "xml", value: `'<!DOCTYPE a><a>` + m.word() + `</a>'`, want: "document type"},
		{name: "uuid", from: "uuid", to: "nvarchar(5)", value: `'12345678-1234-1234-1234-` + m.number(12) + `'`, want: "longer"},
		{name: "date", from: "date", to: "smalldatetime", value: `'` + m.add("17"+chance(2)+"-11-23") + `'`, want: "range"},
		{name: "timestamp", from: "timestamp", to: "datetime", value: `'2024-05-01 ` + m.add("12:30:00."+chance(5)+"7") + `'`, want: "ms"},
		{name: "timestamptz", from: "timestamptz", to: "datetimeoffset(0)", value: `'2024-05-01 ` + m.add("12:30:12."+chance(5)+"7") + `+00'`, want: "finer"},
		{name: "time", from: "time", to: "time(0)", value: `'` + m.add("12:30:12."+chance(5)+"7") + `'`, want: "finer"},
		{name: "text for a number", from: "text", to: "int", value: "'" + m.word() + "'", want: "number"},
		{name: "text for a date", from: "text", to: "date", value: "'" + m.word() + "'", want: "date"},
		{name: "null", from: "text", to: "nvarchar(60) NOT NULL", value: "NULL", undo: `DROP TABLE $t; CREATE TABLE $t (id nvarchar(60) NOT NULL PRIMARY KEY, v nvarchar(60) NULL)`, want: "null"},
	}
	return slices.Concat(tests, refusals(m), conflictTests(m))
}

// refusals are errors of the server, real ones and such as quote a value
// wherever they can.
func refusals(m *marks) []leakTest {
	w := m.word()
	tests := []leakTest{
		text(leakTest{name: "primary key", target: `INSERT INTO $t VALUES ($k, N'x')`, undo: `DELETE FROM $t`, want: "insert_exists"}, m.word()),
		text(leakTest{name: "unique index", target: `CREATE UNIQUE INDEX ux ON $t (v); INSERT INTO $t VALUES (N'2', N'` + w + `')`, undo: `DELETE FROM $t`, want: "key"}, w),
		text(leakTest{name: "check constraint", target: `ALTER TABLE $t ADD CONSTRAINT ck_v CHECK (v <> N'` + w + `')`, undo: `ALTER TABLE $t DROP CONSTRAINT ck_v`, want: "547"}, w),
		text(leakTest{name: "trigger that throws", target: thrower("THROW 51000, @m, 1"), undo: `DROP TRIGGER tr`, want: "51000"}, m.word()),
		text(leakTest{name: "trigger that raises", target: thrower("RAISERROR(@m, 16, 1)"), undo: `DROP TRIGGER tr`, want: "50000"}, m.word()),
		text(leakTest{name: "row that is gone", source: `INSERT INTO $t VALUES ($k, 'x'); UPDATE $t SET v = $v`,
			target: `CREATE TRIGGER tr ON $t AFTER INSERT AS BEGIN DELETE FROM $t END`, undo: `DROP TRIGGER tr`, want: "matched 0"}, m.word()),
	}
	for _, n := range []int32{102, 207, 208, 220, 241, 242, 244, 245, 248, 515, 547, 2601, 2627, 2628, 3616, 8114, 8115, 8152} {
		word := m.word()
		tests = append(tests, text(leakTest{
			name: fmt.Sprintf("error %d", n), want: fmt.Sprint(n), undo: "-",
			fault: sqlservertest.Fault{Error: n, Times: -1, Message: "Violation of constraint 'k': '" + word + "', constraint '" + word + "'. The duplicate key value is ($k, " + word + ")."},
		}, word))
	}
	return tests
}

// text is a test of a text that fits.
func text(t leakTest, word string) leakTest {
	t.from, t.to, t.value = "text", "nvarchar(60)", "'"+word+"'"
	return t
}

// thrower is a trigger whose error has the value in its text, and begins like
// one that names a constraint.
func thrower(statement string) string {
	return `CREATE TRIGGER tr ON $t AFTER INSERT AS
BEGIN
DECLARE @m nvarchar(200);
SELECT @m = N'breaks constraint ''' + v + N''', "' + id + N'"' FROM inserted;
` + statement + `
END`
}
