package main

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// dsnKind is what a DSN is one of.
type dsnKind struct {
	form    string // what one looks like
	wants   string // what may stand in front of it
	parse   func(string) error
	options []dsnOption // those that the driver can refuse
}

// dsnOption is an option of a DSN, and what its value has to be.
type dsnOption struct{ name, must string }

const (
	seconds = "must be a whole number of seconds"
	aFile   = "names a file" // whose own mistakes are looked for
	another = "has a value that it cannot have"
)

var postgresDSN = dsnKind{
	form: "a PostgreSQL URL, postgres://user:password@host:5432/database",
	parse: func(dsn string) error {
		_, err := pgconn.ParseConfig(dsn)
		return err
	},
	options: []dsnOption{
		{"port", aPort}, {"connect_timeout", seconds},
		{"sslmode", "must be disable, allow, prefer, require, verify-ca or verify-full"},
		{"sslrootcert", aFile}, {"sslcert", aFile}, {"sslkey", aFile}, {"sslcertmode", another}, {"sslnegotiation", another},
		{"channel_binding", another}, {"target_session_attrs", another}, {"require_auth", another},
		{"min_protocol_version", another}, {"max_protocol_version", another}, {"service", another},
	},
}

var sqlserverDSN = dsnKind{
	form:  "a SQL Server URL, sqlserver://user:password@host:1433?database=name",
	wants: "sqlserver://",
	parse: func(dsn string) error {
		_, err := msdsn.Parse(dsn)
		return err
	},
	options: []dsnOption{
		{"encrypt", "must be true, false, strict or disable"}, {"trustservercertificate", "must be true or false"},
		{"certificate", aFile}, {"servercertificate", aFile},
		{"connection timeout", seconds}, {"dial timeout", seconds}, {"keepalive", seconds},
		{"packet size", another}, {"log", another}, {"timezone", another}, {"protocol", another}, {"disableretry", another},
		{"failoverport", another}, {"applicationintent", another}, {"columnencryption", another},
		{"multisubnetfailover", another}, {"guid conversion", another}, {"epa enabled", another},
	},
}

const aPort = "must be a number from 1 to 65535"

// dsn reads a DSN.
func (l *layout) dsn(to *string, kind dsnKind) reader {
	if l.offline {
		return func(ast.Node) error { return nil }
	}
	return value(l.decoder, to, func(s string) (string, error) { return s, kind.check(s) })
}

// check says what is wrong with a DSN, and quotes nothing of it. Where it is not
// one option, that is not said in detail.
func (k dsnKind) check(dsn string) error {
	if strings.TrimSpace(dsn) == "" {
		return fmt.Errorf("is empty; write %s, or set the variable that it is taken from", k.form)
	}
	unreadable := fmt.Errorf("cannot be read; it must be %s, where a character such as @ # / %% in the password is written %%40 %%23 %%2F %%25", k.form)
	if !strings.HasPrefix(dsn, k.wants) || torn(dsn) {
		return unreadable
	}
	if k.parse(dsn) == nil {
		return nil
	}
	if u, err := url.Parse(dsn); err == nil && u.Port() != "" {
		if _, err := strconv.ParseUint(u.Port(), 10, 16); err != nil {
			return errors.New("its port " + aPort)
		}
	}
	for _, o := range k.options {
		rest, was := without(dsn, o.name)
		if k.parse(rest) == nil {
			return o.problem(was)
		}
		dsn = rest
	}
	return unreadable
}

// problem says what is wrong with the option's value.
func (o dsnOption) problem(value string) error {
	if o.must != aFile {
		return fmt.Errorf("its option `%s` %s; correct it, or take it out", o.name, o.must)
	}
	why := "holds no certificate or key in PEM that can be used"
	if _, err := readSome(value, 1<<20); err != nil {
		why = "cannot be read: " + reason(err)
	}
	return fmt.Errorf("its option `%s` names a file that %s; correct the path, or the file", o.name, why)
}

// without returns a DSN without an option, and what that was.
func without(dsn, option string) (rest, value string) {
	u, err := url.Parse(dsn)
	if !strings.Contains(dsn, "://") || err != nil {
		return withoutKeyword(dsn, option)
	}
	query := u.Query()
	for key := range query {
		if strings.EqualFold(key, option) {
			value = query.Get(key)
			query.Del(key)
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), value
}

// withoutKeyword is without of a list of keywords and values.
func withoutKeyword(dsn, option string) (rest, value string) {
	has := regexp.MustCompile(`(?:^|\s)` + option + `\s*=\s*('(?:[^'\\]|\\.)*'|\S*)`)
	if found := has.FindStringSubmatch(dsn); found != nil {
		value = strings.Trim(found[1], "'")
	}
	return has.ReplaceAllString(dsn, ""), value
}

// torn reports whether a URL was cut inside its password, at a character that
// has a meaning there: what follows would be taken for the host, and named in
// errors.
func torn(dsn string) bool {
	if !strings.Contains(dsn, "://") {
		return false // it is a list of keywords and values
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return true
	}
	query, _, _ := strings.Cut(u.RawQuery, "=")
	return u.Fragment != "" || strings.Contains(u.Path, "@") || strings.Contains(query, "@")
}
