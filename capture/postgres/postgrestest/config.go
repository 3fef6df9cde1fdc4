package postgrestest

import "io"

// Config says which PostgreSQL to start, and how. The zero Config is what most
// tests want.
type Config struct {
	// Bin is the folder of initdb, pg_ctl and postgres. When it is empty they
	// are looked for in the folder that SYNCBACK_POSTGRES_BIN names, in PATH,
	// and in the folders where packages put them, the newest version first. In
	// the end a PostgreSQL is downloaded, if that is possible.
	Bin string
	// Dir is the folder in which the cluster makes its own. "" means the folder
	// that TMPDIR names; without it, on Linux, /dev/shm where that has 8 GiB to
	// spare; else the system's folder for temporary files.
	Dir string
	// Settings go into postgresql.conf after the package's own and replace
	// them, such as "wal_sender_timeout": "1s".
	Settings map[string]string
	// Log gets the server's log as it is written; nil keeps only the end of it,
	// for the errors of Start and Restart.
	Log io.Writer
}
