package sqlservertest

import "testing"

// FuzzBatch sees the lexer and the parser take any text without a panic.
func FuzzBatch(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "DECLARE @n int; SET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT 3, @n; RETURN END", "/* /* */ 'a''b' [x]]y]",
		"CREATE TABLE t (a decimal(9,2) NOT NULL DEFAULT (0) PRIMARY KEY, b AS a + 1)", "UPDATE TOP (1) t SET a += 1 OUTPUT deleted.a FROM t JOIN u ON 1 = 1",
		"CREATE TRIGGER x ON t AFTER INSERT AS BEGIN TRY THROW END TRY BEGIN CATCH END CATCH", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "EXEC sp_x @a = 1, N'b'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		body, err := parseBatch(s, defaultCollation)
		if err == nil {
			_ = declare(body, map[string]sqlType{})
		}
	})
}

// FuzzRPC sees the readers of messages take any bytes without a panic.
func FuzzRPC(f *testing.F) {
	f.Add([]byte{4, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0, 0, 0, tdsIntN, 4, 4, 1, 0, 0, 0})
	f.Add([]byte{4, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0, 0, 0, tdsNvarchar, 0xff, 0xff, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'a', 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = parseRPC(b)
		_, _ = parseLogin(b)
		_, _ = clientEncryption(b)
	})
}
