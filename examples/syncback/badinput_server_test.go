package main_test

import (
	"net"
	"net/url"
	"strings"
)

const (
	isUp       = "; see that the server is up and that source.dsn is right"
	targetIsUp = "; see that the server is up and that target.dsn is right"
	unfit      = "not fit to run: mend what is marked as error (1), then check again"
)

// altered is dsn with another user, password, host or database; "" leaves it.
func altered(dsn, user, password, host, database string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	was, _ := u.User.Password()
	u.User = url.UserPassword(or(user, u.User.Username()), or(password, was))
	u.Host = or(host, u.Host)
	if q := u.Query(); database != "" && q.Has("database") {
		q.Set("database", database)
		u.RawQuery = q.Encode()
	} else if database != "" {
		u.Path = "/" + database
	}
	return u.String()
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// host is where a DSN leads to.
func host(dsn string) string {
	u, err := url.Parse(dsn)
	if err != nil {
		panic(err)
	}
	return u.Host
}

// silent is a server that takes connections and says nothing.
func (s *site) silent() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

var badSources = []badInput{
	{
		name: "source down", make: func(s *site) { s.source = altered(s.source, "", "hunter2", "127.0.0.1:1", "") },
		want: "source: connect to the source: failed to connect to `user=postgres database=SLOT`: HOST:PORT (127.0.0.1): dial error: dial tcp HOST:PORT: connect: connection refused" + isUp,
	},
	{
		name: "source is another service", make: func(s *site) { s.source = altered(s.source, "", "hunter2", host(s.target), "") + "&connect_timeout=1" },
		want: "source: connect to the source: failed to connect to `user=postgres database=SLOT`: HOST:PORT (127.0.0.1): failed to receive message: timeout: context deadline exceeded; see that the server is up and that source.dsn is right",
	},
	{
		name: "source is silent", make: func(s *site) { s.source = altered(s.source, "", "hunter2", s.silent(), "") + "&connect_timeout=1" },
		want: "source: connect to the source: failed to connect to `user=postgres database=SLOT`: HOST:PORT (127.0.0.1): failed to receive message: timeout: context deadline exceeded; see that the server is up and that source.dsn is right",
	},
	{
		name: "source's host has no address", make: func(s *site) { s.source = altered(s.source, "", "hunter2", "nowhere.invalid:5432", "") },
		want: "source: connect to the source: failed to connect to `user=postgres database=SLOT`: hostname resolving error: lookup nowhere.invalid: no such host; see that the server is up and that source.dsn is right",
	},
	{
		name: "source's password", make: func(s *site) { s.source = altered(s.source, "", "hunter2", "", "") },
		want: "source: connect to the source: … (SQLSTATE 28P01); correct the user or the password",
	},
	{
		name: "source's user", make: func(s *site) { s.source = altered(s.source, "nobody", "hunter2", "", "") },
		want: "source: connect to the source: … (SQLSTATE 28P01); correct the user or the password",
	},
	{
		name: "source's database", make: func(s *site) { s.source = altered(s.source, "", "", "", "nowhere") },
		want: "source: connect to the source: … (SQLSTATE 3D000); correct the name of the database",
	},
	{
		name: "source without TLS", make: func(s *site) { s.source = strings.Replace(s.source, "sslmode=disable", "sslmode=require", 1) },
		want: "source: connect to the source: failed to connect to `user=postgres database=SLOT`: HOST:PORT (127.0.0.1): tls error: server refused TLS connection; have the server offer TLS, or set sslmode=disable in the DSN",
	},
	{
		name: "no right to replicate", make: func(s *site) { s.role("reader_" + s.slot()) },
		want:  "source: connect to the source for replication: … (SQLSTATE 42501); grant the role that right, or connect as another",
		check: `role reader_SLOT: it may not open a replication connection: … (SQLSTATE 42501). ALTER ROLE "reader_SLOT" REPLICATION, or what the cloud has in its place, such as GRANT rds_replication`,
	},
}

// role makes a role without any right, and lets the site use it.
func (s *site) role(name string) {
	s.t.Helper()
	s.onSource(`CREATE ROLE ` + name + ` LOGIN PASSWORD 'hunter2'`)
	s.source = altered(s.source, name, "hunter2", "", "")
}
