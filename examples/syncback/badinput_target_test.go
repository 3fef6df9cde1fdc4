package main_test

import (
	"database/sql"
	"errors"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// lacksNumbers reports whether the target has other numbers for its errors than
// SQL Server.
func (s *site) lacksNumbers() string {
	var refused mssql.Error
	if _, err := s.ms.Exec(`SELECT 1 FROM dbo.nowhere`); errors.As(err, &refused) && refused.Number == 208 {
		return ""
	}
	return "SQL Server's error numbers"
}

// lacksEncryption reports whether the target takes no encrypted connection.
func (s *site) lacksEncryption() string {
	db, err := sql.Open("sqlserver", strings.Replace(s.target, "encrypt=disable", "encrypt=true&TrustServerCertificate=true", 1))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if db.Ping() != nil {
		return "encrypted connections"
	}
	return ""
}

var badTargets = []badInput{
	{
		name: "target down", make: func(s *site) { s.target = altered(s.target, "", "hunter2", "127.0.0.1:1", "") },
		want: "target: connection to the target: unable to open tcp connection with host 'HOST:PORT': dial tcp HOST:PORT: connect: connection refused" + targetIsUp,
	},
	{
		name: "target is another service", make: func(s *site) { s.target = altered(s.target, "", "hunter2", host(s.source), "") },
		want: "target: connection to the target: EOF; see that the server is up and that target.dsn is right",
	},
	{
		name: "target is silent", make: func(s *site) { s.target = altered(s.target, "", "hunter2", s.silent(), "") + "&connection+timeout=1" },
		want: "target: connection to the target: the target has not answered for 1s; see that the server is up and that target.dsn is right",
	},
	{
		name: "target's host has no address", make: func(s *site) { s.target = altered(s.target, "", "hunter2", "nowhere.invalid:1433", "") },
		want: "target: connection to the target: lookup nowhere.invalid: no such host; see that the server is up and that target.dsn is right",
	},
	{
		name: "target's password", make: func(s *site) { s.target = altered(s.target, "", "hunter2", "", "") },
		want: "target: SQL Server error 18456: login failed; check user and password",
	},
	{
		name: "target's database", lacks: (*site).lacksNumbers, make: func(s *site) { s.target = altered(s.target, "", "", "", "nowhere") },
		want: "target: SQL Server error 4060: the database cannot be opened by this login; correct its name, or have a user made there for the login",
	},
	{
		name: "target's certificate", lacks: (*site).lacksEncryption, make: func(s *site) { s.target = strings.Replace(s.target, "encrypt=disable", "encrypt=true", 1) },
		want: "target: connection to the target: TLS Handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority; name the certificate to trust with certificate=FILE in the DSN, or set TrustServerCertificate=true in it",
	},
	{
		name: "target without our tables", ready: empty, lacks: (*site).lacksNumbers, make: func(*site) {},
		want:  "target: the target has no tables of ours in schema syncback, or this login may not read them; have what the ddl command prints run there: SQL Server error 208: a table no longer exists, or the login may not see it",
		check: "schema syncback: our own tables are missing, or the login may not read them. have what the ddl command prints run in the target",
	},
	{
		name: "tables of another version", ready: applied, make: func(s *site) { s.onTarget(`UPDATE [syncback].[version] SET [version] = 99`) },
		want:  "target: the tables in the target's schema syncback are of version 99, and this program's are of version 1; run the program that made them, or its successor",
		check: "schema syncback: our own tables are of version 99, this program's are of version 1. run the program that made them, or its successor",
	},
	{
		name: "our tables may not be read", ready: applied, standIn: true, make: func(s *site) {
			s.server.Inject(sqlservertest.Fault{Text: "[version]", Error: 229, Times: -1, Message: "The SELECT permission was denied on the object 'version', hunter2."})
		},
		want:  "target: the target has no tables of ours in schema syncback, or this login may not read them; have what the ddl command prints run there: SQL Server error 229: the login lacks a permission on the table; grant it to the login's user",
		check: "schema syncback: our own tables are missing, or the login may not read them. have what the ddl command prints run in the target",
	},
	{
		name: "login has no user", ready: applied, standIn: true, make: func(s *site) {
			s.server.Inject(sqlservertest.Fault{Error: 916, Times: -1, Message: "The server principal \"hunter2\" is not able to access the database."})
		},
		want: "target: SQL Server error 916: the login has no user in the database; have one made for it",
	},
	{
		name: "catalogue may not be read", ready: applied, standIn: true, make: func(s *site) {
			s.server.Inject(sqlservertest.Fault{Text: "sys.tables", Error: 229, Times: -1, Message: "hunter2"})
		},
		want: "target: read the target's catalogue: SQL Server error 229: the login lacks a permission on the table; grant it to the login's user",
	},
	{
		name: "table may not be written", ready: applied, standIn: true, check: "-", make: func(s *site) {
			s.server.Inject(sqlservertest.Fault{Text: "[dbo].[tenagree]", Error: 229, Times: -1, Message: "The INSERT permission was denied on the object 'tenagree', hunter2."})
			s.onSource(`INSERT INTO tenancy VALUES ('hunter2')`)
		},
		want: "apply transaction N at X/X: insert in dbo.tenagree at X/X: SQL Server error 229: the login lacks a permission on the table; grant it to the login's user. Nothing of it was written and everything before it was; put right what it names, and run again.",
	},
	{
		name: "target's user", make: func(s *site) { s.target = altered(s.target, "nobody", "hunter2", "", "") },
		want: "target: SQL Server error 18456: login failed; check user and password",
	},
}
