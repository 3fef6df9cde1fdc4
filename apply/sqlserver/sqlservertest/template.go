package sqlservertest

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// makeDatabase makes the stand-in's database as a copy of a template, which the
// first one in a cluster makes, and which stays there: to make it anew takes
// longer than many a test.
func (s *Server) makeDatabase(ctx context.Context) error {
	sql := prelude + sysviews + s.setup()
	template := fmt.Sprintf("standin_template_%08x", crc32.ChecksumIEEE([]byte(sql)))
	err := s.asAdmin(ctx, func(pg *pgconn.PgConn) error {
		is, err := isDatabase(ctx, pg, template)
		if err == nil && !is {
			err = s.makeTemplate(ctx, pg, template, sql)
		}
		if err != nil {
			return err
		}
		return execute(ctx, pg, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s%s", ident(s.database), ident(template), strategy(pg)))
	})
	if err != nil {
		return err
	}
	columns, ok := systemColumns.Load(template)
	if !ok {
		if columns, err = s.readSystemColumns(ctx); err != nil {
			return err
		}
		systemColumns.Store(template, columns)
	}
	return s.loadSystemViews(columns.([]systemColumn))
}

// strategy has PostgreSQL copy files, and not block after block through its log,
// which takes five times as long. Before PostgreSQL 15 there was no other way.
func strategy(pg *pgconn.PgConn) string {
	if strings.HasPrefix(pg.ParameterStatus("server_version"), "14") {
		return ""
	}
	return " STRATEGY file_copy"
}

func (s *Server) makeTemplate(ctx context.Context, admin *pgconn.PgConn, name, sql string) error {
	made := s.database + "_template"
	if err := execute(ctx, admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'", ident(made))); err != nil {
		return err
	}
	pg, err := s.connect(ctx, made)
	if err == nil {
		err = errors.Join(execute(ctx, pg, sql), pg.Close(ctx))
	}
	if err == nil {
		// By this name others find it.
		err = execute(ctx, admin, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", ident(made), ident(name)))
	}
	if err == nil {
		return nil
	}
	err = errors.Join(err, execute(context.WithoutCancel(ctx), admin, "DROP DATABASE "+ident(made)+" WITH (FORCE)"))
	if is, _ := isDatabase(ctx, admin, name); is {
		return nil // another one was first
	}
	return err
}

func isDatabase(ctx context.Context, pg *pgconn.PgConn, name string) (bool, error) {
	result := pg.ExecParams(ctx, "SELECT 1 FROM pg_database WHERE datname = $1", [][]byte{[]byte(name)}, nil, nil, nil).Read()
	return len(result.Rows) > 0, result.Err
}

// setup is what the schemas and types begin with: some of it has the server's
// collation.
func (s *Server) setup() string {
	var sql strings.Builder
	sql.WriteString("CREATE SCHEMA dbo;")
	for k := kBit; int(k) < len(kinds); k++ {
		t := simple(k)
		size := t.maxLength()
		prec, scale := t.precision()
		coll := "NULL"
		switch k {
		case kChar, kVarchar, kNchar, kNvarchar, kText, kNtext:
			coll = quote(s.collation)
			if size == 0 {
				size = 8000
			}
		case kBinary, kVarbinary:
			size = 8000
		case kDecimal:
			size, prec, scale = 17, 38, 38
		}
		fmt.Fprintf(&sql, "INSERT INTO sys.types VALUES (%s, %d, %d, 4, %d, %d, %d, %s, 1, 0);", quote(t.name()), t.systemType(), t.systemType(), size, prec, scale, coll)
	}
	fmt.Fprintf(&sql, "INSERT INTO sys.types VALUES ('numeric', 108, 108, 4, 17, 38, 38, NULL, 1, 0), ('sysname', 231, 256, 4, 256, 0, 0, %s, 0, 0);", quote(s.collation))
	return sql.String()
}

// systemColumn is a column of a catalogue view, as PostgreSQL knows it.
type systemColumn struct{ schema, view, name, typ string }

// systemColumns has the columns of each template's views.
var systemColumns sync.Map // string → []systemColumn

func (s *Server) readSystemColumns(ctx context.Context) ([]systemColumn, error) {
	const sql = `SELECT n.nspname, c.relname, a.attname, t.typname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
		WHERE n.nspname IN ('sys', 'infosch') AND c.relkind IN ('r', 'v') AND a.attnum > 0 ORDER BY 1, 2, a.attnum`
	pg, err := s.connect(ctx, s.database)
	if err != nil {
		return nil, err
	}
	result := pg.ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	var columns []systemColumn
	for _, row := range result.Rows {
		columns = append(columns, systemColumn{string(row[0]), string(row[1]), string(row[2]), string(row[3])})
	}
	return columns, errors.Join(result.Err, pg.Close(ctx))
}

// loadSystemViews puts the catalogue views into the catalogue.
func (s *Server) loadSystemViews(columns []systemColumn) error {
	types := map[string]sqlType{
		"int2": simple(kSmallint), "int4": simple(kInt), "int8": simple(kBigint), "bit": simple(kBit), "tinyint": simple(kTinyint),
		"sysname": nvarchar(128), "nmax": nvarchar(maxLen), "chr": {kind: kChar, len: 2}, "datetime": simple(kDatetime),
		"numeric": decimalType(38, 0),
	}
	for _, c := range columns {
		schema := c.schema
		if schema == "infosch" {
			schema = "INFORMATION_SCHEMA"
		}
		t := s.cat.find([]string{schema, c.view})
		if t == nil {
			t = &tableInfo{id: -s.cat.newID(), schema: schema, name: c.view, kind: objectSystem}
			s.cat.put(schema, c.view, t)
		}
		typ, ok := types[c.typ]
		if !ok {
			return fmt.Errorf("the view %s.%s has a column of type %s", schema, c.view, c.typ)
		}
		if typ.isString() {
			typ.coll = "Latin1_General_CI_AS"
		}
		t.cols = append(t.cols, &columnInfo{id: len(t.cols) + 1, name: c.name, typ: typ, nullable: true})
	}
	return nil
}
