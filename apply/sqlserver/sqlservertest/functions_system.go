package sqlservertest

import (
	"fmt"
	"strings"
)

var timeFunctions = map[string]functionInfo{
	"GETDATE":           {0, 0, now("tsql.to_datetime(localtimestamp, 'datetime2')", simple(kDatetime))},
	"CURRENT_TIMESTAMP": {0, 0, now("tsql.to_datetime(localtimestamp, 'datetime2')", simple(kDatetime))},
	"GETUTCDATE":        {0, 0, now("tsql.to_datetime(localtimestamp, 'datetime2')", simple(kDatetime))},
	"SYSDATETIME":       {0, 0, now("clock_timestamp()::timestamp", sqlType{kind: kDatetime2, scale: 7})},
	"SYSUTCDATETIME":    {0, 0, now("clock_timestamp()::timestamp", sqlType{kind: kDatetime2, scale: 7})},
	"SYSDATETIMEOFFSET": {0, 0, now("tsql.mk_dto(clock_timestamp()::timestamp)", sqlType{kind: kDatetimeoffset, scale: 7})},
	"YEAR":              {1, 1, part("year")},
	"MONTH":             {1, 1, part("month")},
	"DAY":               {1, 1, part("day")},
	"DATEPART":          {2, 2, datePart},
	"DATENAME":          {2, 2, dateName},
	"DATEADD":           {3, 3, dateAdd},
	"DATEDIFF":          {3, 3, dateDiff},
	"DATEDIFF_BIG": {3, 3, func(b *binder, a []val) val {
		v := dateDiff(b, a)
		v.typ = simple(kBigint)
		v.sql += "::int8"
		return v
	}},
	"EOMONTH": {1, 1, func(b *binder, a []val) val {
		return val{sql: "(date_trunc('month', " + b.timestamp(a[0]) + ") + interval '1 month - 1 day')::date", typ: simple(kDate)}
	}},
	"SWITCHOFFSET": {2, 2, switchOffset},
	"TODATETIMEOFFSET": {2, 2, func(b *binder, a []val) val {
		return val{sql: "tsql.to_dto(" + b.timestamp(a[0]) + ", " + offsetOf(b, a[1]) + ")", typ: sqlType{kind: kDatetimeoffset, scale: 7}}
	}},
	"ISDATE": {1, 1, func(b *binder, a []val) val {
		return val{sql: "(tsql.try('SELECT tsql.str_ts($1::bpchar, 0, ''mdy'', ''datetime'')', tsql.t(" + b.toString(a[0]).sql + ")) IS NOT NULL)::int4", typ: simple(kInt)}
	}},
}

func now(sql string, t sqlType) function {
	return func(*binder, []val) val { return val{sql: sql, typ: t} }
}

// timestamp is a value as PostgreSQL's timestamp.
func (b *binder) timestamp(v val) string {
	if v.typ.family() == fDatetime {
		return v.sql
	}
	return b.convert(v, sqlType{kind: kDatetime2, scale: 7}, 0).sql
}

func part(name string) function {
	return func(b *binder, args []val) val {
		return val{sql: fmt.Sprintf("extract(%s FROM %s)::int4", name, b.timestamp(args[0])), typ: simple(kInt)}
	}
}

// dateUnits are the names of the parts of a date.
var dateUnits = map[string]string{
	"year": "year", "yy": "year", "yyyy": "year", "quarter": "quarter", "qq": "quarter", "q": "quarter",
	"month": "month", "mm": "month", "m": "month", "day": "day", "dd": "day", "d": "day",
	"dayofyear": "doy", "dy": "doy", "y": "doy", "week": "week", "wk": "week", "ww": "week",
	"weekday": "dow", "dw": "dow", "w": "dow", "hour": "hour", "hh": "hour", "minute": "minute", "mi": "minute", "n": "minute",
	"second": "second", "ss": "second", "s": "second", "millisecond": "millisecond", "ms": "millisecond",
	"microsecond": "microsecond", "mcs": "microsecond", "nanosecond": "nanosecond", "ns": "nanosecond",
	"isowk": "isowk", "iso_week": "isowk", "isoww": "isowk",
}

func (b *binder) dateUnit(v val) string {
	unit, ok := dateUnits[v.lit.text]
	if !ok {
		b.fail(errf(155, 15, "'%s' is not a recognized datepart option.", v.lit.text))
	}
	return unit
}

func datePart(b *binder, args []val) val {
	return val{sql: fmt.Sprintf("tsql.datepart('%s', %s)", b.dateUnit(args[0]), b.timestamp(args[1])), typ: simple(kInt)}
}

func dateName(b *binder, args []val) val {
	return val{sql: fmt.Sprintf("tsql.datename('%s', %s)::bpchar", b.dateUnit(args[0]), b.timestamp(args[1])), typ: nvarchar(30)}
}

func dateAdd(b *binder, args []val) val {
	unit, n := b.dateUnit(args[0]), b.convert(args[1], simple(kInt), 0).sql
	v := args[2]
	if v.typ.isString() || v.typ.family() == fInt {
		v = b.convert(v, simple(kDatetime), 0)
	}
	if v.typ.kind == kDatetimeoffset {
		return val{sql: fmt.Sprintf("ROW(tsql.dateadd('%s', %s, (%s).utc), (%s).off)::tsql.dto", unit, n, v.sql, v.sql), typ: v.typ}
	}
	sum := val{sql: fmt.Sprintf("tsql.dateadd('%s', %s, %s)", unit, n, b.timestamp(v)), typ: sqlType{kind: kDatetime2, scale: 7}}
	return b.convert(sum, v.typ, 0)
}

func dateDiff(b *binder, args []val) val {
	from, to := b.timestamp(args[1]), b.timestamp(args[2])
	return val{sql: fmt.Sprintf("tsql.datediff('%s', %s, %s)", b.dateUnit(args[0]), from, to), typ: simple(kInt)}
}

func offsetOf(b *binder, v val) string {
	if v.typ.isString() {
		return "tsql.offset_minutes(" + v.sql + ")"
	}
	return b.convert(v, simple(kInt), 0).sql
}

func switchOffset(b *binder, args []val) val {
	t := sqlType{kind: kDatetimeoffset, scale: 7}
	v := b.convert(args[0], t, 0)
	return val{sql: fmt.Sprintf("ROW((%s).utc, %s)::tsql.dto", v.sql, offsetOf(b, args[1])), typ: t}
}

var systemFunctions = map[string]functionInfo{
	"NEWID":              {0, 0, now("gen_random_uuid()", simple(kUniqueidentifier))},
	"NEWSEQUENTIALID":    {0, 0, now("gen_random_uuid()", simple(kUniqueidentifier))},
	"SCOPE_IDENTITY":     {0, 0, sessionValue("@@scope_identity", decimalType(38, 0))},
	"XACT_STATE":         {0, 0, sessionValue("@@xact_state", simple(kSmallint))},
	"ERROR_NUMBER":       {0, 0, sessionValue("@@error_number", simple(kInt))},
	"ERROR_MESSAGE":      {0, 0, sessionValue("@@error_message", nvarchar(4000))},
	"ERROR_SEVERITY":     {0, 0, sessionValue("@@error_severity", simple(kInt))},
	"ERROR_STATE":        {0, 0, sessionValue("@@error_state", simple(kInt))},
	"ERROR_LINE":         {0, 0, sessionValue("@@error_line", simple(kInt))},
	"ERROR_PROCEDURE":    {0, 0, sessionValue("@@error_procedure", nvarchar(128))},
	"ROWCOUNT_BIG":       {0, 0, func(b *binder, _ []val) val { return b.convert(b.variable("@@rowcount"), simple(kBigint), 0) }},
	"SUSER_SNAME":        {0, 1, sessionValue("@@login", nvarchar(128))},
	"SUSER_NAME":         {0, 1, sessionValue("@@login", nvarchar(128))},
	"ORIGINAL_LOGIN":     {0, 0, sessionValue("@@login", nvarchar(128))},
	"SYSTEM_USER":        {0, 0, sessionValue("@@login", nvarchar(128))},
	"USER_NAME":          {0, 1, now("'dbo'::bpchar", nvarchar(128))},
	"CURRENT_USER":       {0, 0, now("'dbo'::bpchar", nvarchar(128))},
	"SESSION_USER":       {0, 0, now("'dbo'::bpchar", nvarchar(128))},
	"USER":               {0, 0, now("'dbo'::bpchar", nvarchar(128))},
	"APP_NAME":           {0, 0, sessionValue("@@app", nvarchar(128))},
	"HOST_NAME":          {0, 0, sessionValue("@@host", nvarchar(128))},
	"CONTEXT_INFO":       {0, 0, sessionValue("@@context_info", sqlType{kind: kVarbinary, len: 128})},
	"SESSION_CONTEXT":    {1, 1, sessionContext},
	"DB_NAME":            {0, 1, func(b *binder, _ []val) val { return b.param("@@database", nvarchar(128)) }},
	"DB_ID":              {0, 1, dbID},
	"OBJECT_ID":          {1, 2, objectID},
	"OBJECT_NAME":        {1, 2, catalogueName("tsql.object_name(%s)", nvarchar(128))},
	"OBJECT_SCHEMA_NAME": {1, 2, catalogueName("tsql.object_schema_name(%s)", nvarchar(128))},
	"SCHEMA_ID":          {0, 1, schemaID},
	"SCHEMA_NAME":        {0, 1, schemaName},
	"TYPE_NAME":          {1, 1, catalogueName("(SELECT name FROM sys.types WHERE user_type_id = %s)", nvarchar(128))},
	"TYPE_ID":            {1, 1, intOf("(SELECT user_type_id FROM sys.types WHERE name = %s COLLATE tsql.ci_as)")},
	"COL_NAME":           {2, 2, catalogueName("(SELECT name FROM sys.columns WHERE object_id = %s AND column_id = %s)", nvarchar(128))},
	"COL_LENGTH": {2, 2, func(b *binder, a []val) val {
		v := intOf("tsql.col_length(%s, %s)")(b, a)
		v.typ = simple(kSmallint)
		return v
	}},
	"COLUMNPROPERTY": {3, 3, columnProperty},
	"OBJECTPROPERTY": {2, 2, func(b *binder, a []val) val {
		return val{sql: "tsql.objectproperty(" + b.convert(a[0], simple(kInt), 0).sql + ", " + b.toString(a[1]).sql + ")", typ: simple(kInt)}
	}},
	"IDENT_CURRENT": {1, 1, func(b *binder, a []val) val {
		return val{sql: "tsql.ident_current(" + b.toString(a[0]).sql + ")", typ: decimalType(38, 0)}
	}},
	"COLLATIONPROPERTY":     {2, 2, collationProperty},
	"SERVERPROPERTY":        {1, 1, serverProperty},
	"DATABASEPROPERTYEX":    {2, 2, databaseProperty},
	"HAS_PERMS_BY_NAME":     {3, 5, now("1::int4", simple(kInt))},
	"IS_MEMBER":             {1, 1, now("1::int4", simple(kInt))},
	"IS_SRVROLEMEMBER":      {1, 2, now("1::int4", simple(kInt))},
	"MIN_ACTIVE_ROWVERSION": {0, 0, now("tsql.next_rowversion(tsql.dbts())", sqlType{kind: kBinary, len: 8})},
}

func sessionValue(name string, t sqlType) function {
	return func(b *binder, _ []val) val {
		v := b.param(name, t)
		return v
	}
}

func sessionContext(b *binder, args []val) val {
	if args[0].lit == nil {
		b.fail(errUnknown("SESSION_CONTEXT with a key that is no constant"))
	}
	return b.param("@@context:"+strings.ToLower(args[0].lit.text), nvarchar(4000))
}

func dbID(b *binder, args []val) val {
	if len(args) == 0 {
		return val{sql: "5::int2", typ: simple(kSmallint)}
	}
	db := b.param("@@database", nvarchar(128))
	return val{sql: fmt.Sprintf("(CASE WHEN %s = %s COLLATE tsql.ci_as THEN 5 END)::int2", b.toString(args[0]).sql, db.sql), typ: simple(kSmallint)}
}

func objectID(b *binder, args []val) val {
	kind := "NULL::bpchar"
	if len(args) == 2 {
		kind = b.toString(args[1]).sql
	}
	return val{sql: fmt.Sprintf("tsql.object_id(%s, %s)", b.toString(args[0]).sql, kind), typ: simple(kInt)}
}

func catalogueName(format string, t sqlType) function {
	return func(b *binder, args []val) val {
		var sql []any
		for i := range strings.Count(format, "%s") {
			sql = append(sql, b.convert(args[i], simple(kInt), 0).sql)
		}
		return val{sql: fmt.Sprintf(format, sql...), typ: t}
	}
}

func schemaID(b *binder, args []val) val {
	if len(args) == 0 {
		return val{sql: "1::int4", typ: simple(kInt)}
	}
	return val{sql: "(SELECT schema_id FROM sys.schemas WHERE name = " + b.toString(args[0]).sql + " COLLATE tsql.ci_as)", typ: simple(kInt)}
}

func schemaName(b *binder, args []val) val {
	if len(args) == 0 {
		return val{sql: "'dbo'::bpchar", typ: nvarchar(128)}
	}
	return catalogueName("(SELECT name FROM sys.schemas WHERE schema_id = %s)", nvarchar(128))(b, args)
}

func columnProperty(b *binder, args []val) val {
	return val{sql: fmt.Sprintf("tsql.columnproperty(%s, %s, %s)", b.convert(args[0], simple(kInt), 0).sql, b.toString(args[1]).sql, b.toString(args[2]).sql), typ: simple(kInt)}
}

// collationProperty knows the code page; the rest is NULL, as for an unknown
// property.
func collationProperty(b *binder, args []val) val {
	return val{sql: fmt.Sprintf("tsql.collationproperty(%s, %s)", b.toString(args[0]).sql, b.toString(args[1]).sql), typ: simple(kInt)}
}

func serverProperty(b *binder, args []val) val {
	if args[0].lit == nil {
		b.fail(errUnknown("SERVERPROPERTY of what is no constant"))
	}
	switch strings.ToLower(args[0].lit.text) {
	case "productversion":
		return b.text("15.0.2000.5")
	case "productmajorversion":
		return b.text("15")
	case "productlevel":
		return b.text("RTM")
	case "edition":
		return b.text("Developer Edition (64-bit)")
	case "collation":
		return b.text(b.collation)
	case "servername", "machinename":
		return b.text(serverName)
	case "engineedition":
		return val{sql: "3", typ: simple(kInt)}
	case "isclustered", "ishadrenabled", "isintegratedsecurityonly":
		return val{sql: "0", typ: simple(kInt)}
	}
	return val{sql: "NULL::bpchar", typ: nvarchar(128)}
}

func databaseProperty(b *binder, args []val) val {
	if args[1].lit == nil {
		b.fail(errUnknown("DATABASEPROPERTYEX of what is no constant"))
	}
	switch strings.ToLower(args[1].lit.text) {
	case "collation":
		return b.text(b.collation)
	case "status":
		return b.text("ONLINE")
	case "recovery":
		return b.text("FULL")
	case "updateability":
		return b.text("READ_WRITE")
	}
	return val{sql: "NULL::bpchar", typ: nvarchar(128)}
}
