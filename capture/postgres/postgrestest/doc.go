// Package postgrestest starts a private PostgreSQL cluster for a test or an
// example, and leaves nothing behind.
//
//	var cluster *postgrestest.Cluster
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }
//
//	func TestSomething(t *testing.T) {
//		dsn, err := cluster.CreateDatabase(t.Context(), "something")
//		...
//	}
//
// The server is the machine's own PostgreSQL, looked for as [Config] says. It
// listens on a free port of 127.0.0.1 alone, wants a password that only the DSN
// holds, and is set up for logical replication (wal_level = logical).
//
// Commits survive [Cluster.Kill], but not a crash of the machine: fsync is off.
//
// A process that runs as root starts the server as an unprivileged user, since
// PostgreSQL refuses to run as root. The server does not outlive the process
// that started it: a watchdog notices its end, even by kill -9, stops the
// server and removes its folder.
//
// It runs on Unix systems.
package postgrestest
