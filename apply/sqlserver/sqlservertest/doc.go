// Package sqlservertest is a stand-in for SQL Server that runs within a test or
// an example. It is test equipment: it has the part of T-SQL that this module's
// own statements, schemas and tests are made of, and no more.
//
//	target := sqlservertest.Open(t, cluster)
//	db, err := sql.Open("sqlserver", target.DSN)
//
// A server speaks TDS 7.4 to github.com/microsoft/go-mssqldb, translates each
// statement to PostgreSQL's SQL, and keeps the rows in a database of its own in
// a private cluster (see postgrestest). What it does, it does as SQL Server's
// documentation says: types and their conversions, collations, the numbers of
// errors and what they end, identities, rowversion, triggers. Statements that it
// does not know are refused with error 40517, never passed over.
//
// What differs, and is not refused:
//   - Reading never waits for a writer: READ COMMITTED is PostgreSQL's. Two
//     writers of one row do wait for each other. REPEATABLE READ is a snapshot.
//     Hints are read; UPDLOCK and XLOCK lock the rows.
//   - Times have six digits after the second, not seven.
//   - Latin1_General is the only family of collations, and its order is ICU's.
//   - After an error that dooms a transaction under TRY, PostgreSQL's is rolled
//     back at once: what CATCH reads is what was there before it.
//   - One database, one login that may do everything; bulk load, cursors,
//     functions, MERGE, savepoints, table variables, SELECT INTO and INSTEAD OF
//     triggers are refused, and so are procedures with OUTPUT or WITH.
//   - Cascading foreign keys fire no triggers of the tables they reach.
//   - Text cannot hold the character NUL.
package sqlservertest
