package sqlservertest_test

import "testing"

// TestScalars has expressions with what SQL Server's documentation says that they
// are.
func TestScalars(t *testing.T) {
	db, _ := standIn(t)
	for _, c := range [][2]string{
		// arithmetic
		{"7 / 2", "3"}, {"-7 / 2", "-3"}, {"7 % 3", "1"}, {"7.0 / 2", "3.500000"}, {"2.0 / 3", "0.666666"},
		{"1.10 * 2.5", "2.750"}, {"1e0 / 4", "0.25"}, {"5 & 3", "1"}, {"5 | 3", "7"}, {"5 ^ 3", "6"}, {"~5", "-6"},
		{"CAST(10 AS decimal(5,2)) + 1", "11.00"}, {"$1.23456", "1.2346"}, {"1 + '2'", "3"},
		// strings
		{"'a' + 'b'", "ab"}, {"'a' + NULL", "NULL"}, {"CONCAT('a', NULL, 1)", "a1"}, {"LEN('ab  ')", "2"}, {"LEN('  ab')", "4"},
		{"DATALENGTH('ab  ')", "4"}, {"DATALENGTH(N'ab')", "4"}, {"LEN(N'😀')", "2"}, {"'[' + RTRIM('a  ') + ']'", "[a]"},
		{"'[' + LTRIM('  a') + ']'", "[a]"}, {"UPPER('é')", "É"}, {"LEFT('abc', 2)", "ab"}, {"RIGHT('abc', 2)", "bc"},
		{"SUBSTRING('abcdef', 2, 3)", "bcd"}, {"SUBSTRING('abc', 0, 2)", "a"}, {"REPLACE('aXbx', 'x', '-')", "a-b-"},
		{"REPLICATE('ab', 3)", "ababab"}, {"CHARINDEX('C', 'abc')", "3"}, {"CHARINDEX('b', 'abcb', 3)", "4"},
		{"STUFF('abcdef', 2, 3, 'x')", "axef"}, {"REVERSE('abc')", "cba"}, {"ASCII('€')", "128"}, {"CHAR(128)", "€"},
		{"QUOTENAME('a]b')", "[a]]b]"}, {"'[' + CAST('a' AS char(3)) + ']'", "[a  ]"}, {"CAST('abc' AS varchar(2))", "ab"},
		{"CAST(N'Łódź 日' AS varchar(20))", "?ód? ?"}, {"'[' + SPACE(2) + ']'", "[  ]"}, {"STR(3.7, 5, 1)", "  3.7"},
		// choices
		{"ISNULL(NULL, 3)", "3"}, {"COALESCE(NULL, 2, 1)", "2"}, {"NULLIF(1, 1)", "NULL"}, {"IIF(1 = 1, 'y', 'n')", "y"},
		{"CASE WHEN 'a' = 'A ' THEN 1 ELSE 0 END", "1"}, {"CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END", "b"},
		{"CASE WHEN 'a' COLLATE Latin1_General_BIN2 = 'A' THEN 1 ELSE 0 END", "0"},
		{"CASE WHEN 'a ' COLLATE Latin1_General_BIN2 = 'a' THEN 1 ELSE 0 END", "1"},
		{"CASE WHEN NULL = NULL THEN 1 ELSE 0 END", "0"}, {"CASE WHEN NOT (1 = NULL) THEN 1 ELSE 0 END", "0"},
		{"CASE WHEN 1 NOT IN (2, NULL) THEN 1 ELSE 0 END", "0"}, {"CASE WHEN 'abc' LIKE 'A_C' THEN 1 ELSE 0 END", "1"},
		{"CASE WHEN 'abc  ' LIKE 'abc' THEN 1 ELSE 0 END", "1"}, {"CASE WHEN 'abc' LIKE '[a-c]%' THEN 1 ELSE 0 END", "1"},
		{"CASE WHEN 'a%c' LIKE 'a!%c' ESCAPE '!' THEN 1 ELSE 0 END", "1"}, {"CASE WHEN 5 BETWEEN 1 AND 5 THEN 1 ELSE 0 END", "1"},
		// conversions
		{"CAST(2.5 AS int)", "2"}, {"CAST(-2.9 AS int)", "-2"}, {"CAST($2.5 AS int)", "3"}, {"CAST(2.345 AS decimal(5,2))", "2.35"},
		{"CAST('' AS int)", "0"}, {"CAST(' 12 ' AS int)", "12"}, {"CAST(5 AS bit)", "1"}, {"CAST('true' AS bit)", "1"},
		{"CAST(12.5 AS varchar(10))", "12.5"}, {"CAST($12.3456 AS varchar(10))", "12.35"}, {"CONVERT(varchar(20), $12.3456, 2)", "12.3456"},
		{"CAST(1e0 / 3 AS varchar(30))", "0.333333"}, {"CAST(1e10 AS varchar(30))", "1e+010"}, {"CAST(0x41 AS varchar(5))", "A"},
		{"CAST('A' AS varbinary(5))", "0x41"}, {"CAST(N'A' AS varbinary(5))", "0x4100"}, {"CAST(1 AS binary(4))", "0x00000001"},
		{"CONVERT(varchar(10), 0xAB, 1)", "0xAB"}, {"CONVERT(varbinary(5), '0xAB', 1)", "0xAB"}, {"CAST(0x0102 AS int)", "258"},
		{"TRY_CONVERT(int, 'x')", "NULL"}, {"TRY_CONVERT(int, '7')", "7"}, {"TRY_CAST('x' AS date)", "NULL"},
		{"CAST('6F9619FF-8B86-D011-B42D-00C04FC964FF' AS uniqueidentifier)", "6F9619FF-8B86-D011-B42D-00C04FC964FF"},
		{"CAST(0xFF19966F868B11D0B42D00C04FC964FF AS uniqueidentifier)", "6F9619FF-8B86-D011-B42D-00C04FC964FF"},
		// dates
		{"CAST('2024-02-29T12:34:56.789' AS datetime)", "2024-02-29T12:34:56.79"}, {"CAST('20240229 23:59:59.999' AS datetime)", "2024-03-01T00:00:00"},
		{"CAST('2024-02-29 12:34:29' AS smalldatetime)", "2024-02-29T12:34:00"}, {"CAST('2024-02-29 12:34:30' AS smalldatetime)", "2024-02-29T12:35:00"},
		{"CAST('2024-02-29 12:34:56.789' AS datetime2(2))", "2024-02-29T12:34:56.79"}, {"CAST('12:34:56.7' AS time(0))", "12:34:57"},
		{"CAST('' AS date)", "1900-01-01"}, {"CAST('2024-02-29 10:00 +02:00' AS datetimeoffset(0))", "2024-02-29T10:00:00+02:00"},
		{"CONVERT(varchar(30), CAST('2024-02-09 15:04:05.123' AS datetime), 0)", "Feb  9 2024  3:04PM"},
		{"CONVERT(varchar(30), CAST('2024-02-09 15:04:05.123' AS datetime), 103)", "09/02/2024"},
		{"CONVERT(varchar(30), CAST('2024-02-09 15:04:05.123' AS datetime), 112)", "20240209"},
		{"CONVERT(varchar(30), CAST('2024-02-09 15:04:05.123' AS datetime), 120)", "2024-02-09 15:04:05"},
		{"CONVERT(varchar(30), CAST('2024-02-09 15:04:05.123' AS datetime), 121)", "2024-02-09 15:04:05.123"},
		{"CONVERT(varchar(30), CAST('2024-02-09 15:04:05.123' AS datetime), 126)", "2024-02-09T15:04:05.123"},
		{"CONVERT(varchar(40), CAST('2024-02-09 15:04:05.12 +01:00' AS datetimeoffset(2)), 127)", "2024-02-09T14:04:05.12Z"},
		{"CONVERT(varchar(40), CAST('2024-02-09 15:04:05.12 +01:00' AS datetimeoffset(2)), 121)", "2024-02-09 15:04:05.12 +01:00"},
		{"CONVERT(date, '09/02/2024', 103)", "2024-02-09"}, {"CONVERT(date, '02/09/2024', 101)", "2024-02-09"},
		{"DATEADD(month, 1, CAST('2024-01-31' AS date))", "2024-02-29"}, {"DATEADD(day, -1, CAST('2024-03-01' AS datetime))", "2024-02-29T00:00:00"},
		{"DATEDIFF(day, '2024-02-28', '2024-03-01')", "2"}, {"DATEDIFF(year, '2023-12-31', '2024-01-01')", "1"},
		{"DATEDIFF(hour, '2024-01-01 00:59', '2024-01-01 01:01')", "1"}, {"YEAR('2024-02-29')", "2024"}, {"DATEPART(weekday, '2024-02-29')", "5"},
		{"DATENAME(month, '2024-02-29')", "February"}, {"EOMONTH('2024-02-01')", "2024-02-29"}, {"CAST('2024-01-01' AS datetime) + 1.5", "2024-01-02T12:00:00"},
		// the session and the server
		{"@@TRANCOUNT", "0"}, {"XACT_STATE()", "0"}, {"SCHEMA_NAME(1)", "dbo"}, {"TYPE_NAME(56)", "int"}, {"OBJECT_ID('nothing')", "NULL"},
		{"COLLATIONPROPERTY('Latin1_General_CI_AS', 'CodePage')", "1252"}, {"SERVERPROPERTY('EngineEdition')", "3"},
		{"DATABASEPROPERTYEX(DB_NAME(), 'Collation')", "SQL_Latin1_General_CP1_CI_AS"}, {"ORIGINAL_LOGIN()", "sa"}, {"HAS_PERMS_BY_NAME(NULL, NULL, 'x')", "1"},
		{"(SELECT MAX(x) FROM (VALUES (1), (3), (2)) v(x))", "3"}, {"ROUND(2.345, 2)", "2.350"}, {"ABS(-3)", "3"}, {"CEILING(1.2)", "2"},
	} {
		if got, err := queryErr(db, "SELECT "+c[0]); err != nil || got != c[1] {
			t.Errorf("%s is %q (%v), want %q", c[0], got, err, c[1])
		}
	}
}
