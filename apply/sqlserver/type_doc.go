// # Types
//
// A value is bound from the target column's own type, and arrives as it was or
// not at all: what the column cannot hold is an error that names the column and
// not the value. By source type,
//
//   - "=" takes every value;
//   - "~" refuses the values that the column cannot hold: out of its range, too
//     long, outside its code page, NaN, infinity, a year outside 1 to 9999, an
//     instant in the hour that the wall clock has twice;
//   - "r" refuses also those that are finer than the column, unless the rule
//     round is given;
//   - a pair that is not here is refused.
//
// Lengths and digits are compared column by column; here the target is wide.
//
//	bool:                      =  bit, tinyint, smallint, int, bigint
//	int2:                      =  smallint, int, bigint, decimal(18,4), money, float, real, varchar(max), nvarchar(max)
//	                           ~  bit, tinyint
//	int4:                      =  int, bigint, decimal(18,4), money, float, varchar(max), nvarchar(max)
//	                           ~  bit, tinyint, smallint
//	                           r  real
//	int8:                      =  bigint, varchar(max), nvarchar(max)
//	                           ~  bit, tinyint, smallint, int, decimal(18,4), money
//	                           r  float, real
//	numeric:                   =  varchar(max), nvarchar(max)
//	                           r  bit, tinyint, smallint, int, bigint, decimal(18,4), money, float, real
//	float4:                    =  varchar(max), nvarchar(max)
//	                           ~  float, real
//	                           r  bit, tinyint, smallint, int, bigint, decimal(18,4), money
//	float8:                    =  varchar(max), nvarchar(max)
//	                           ~  float
//	                           r  bit, tinyint, smallint, int, bigint, decimal(18,4), money, real
//	money:                     -
//	text, varchar, name, enum: =  nvarchar(max)
//	                           ~  bit, tinyint, smallint, int, bigint, decimal(18,4), money, varchar(max), date, time(7), smalldatetime, datetime, datetime2(7), datetimeoffset(7), uniqueidentifier, xml
//	                           r  float, real
//	bpchar:                    =  nvarchar(max)
//	                           ~  varchar(max)
//	bytea:                     =  varbinary(max)
//	                           ~  binary(8)
//	uuid:                      =  varchar(max), nvarchar(max), uniqueidentifier
//	date:                      =  varchar(max), nvarchar(max)
//	                           ~  date, smalldatetime, datetime, datetime2(7)
//	time:                      =  varchar(max), nvarchar(max)
//	                           ~  time(7)
//	timestamp:                 =  varchar(max), nvarchar(max)
//	                           ~  datetime2(7)
//	                           r  date, smalldatetime, datetime
//	timestamptz:               =  varchar(max), nvarchar(max)
//	                           ~  datetime2(7), datetimeoffset(7)
//	                           r  date, smalldatetime, datetime
//	xml:                       =  nvarchar(max)
//	                           ~  varchar(max), xml
//	any other:                 =  nvarchar(max)
//	                           ~  varchar(max)
//
// citext and "char" go as text does, and oid as int4, but into int only in range.
// What stands in the table for its kind: varchar(max) for char, varchar and
// text, which hold what their code page has; nvarchar(max) for nchar, nvarchar
// and ntext; varbinary(max) for varbinary and image; money for smallmoney.
// Nothing is written to rowversion, sql_variant, hierarchyid, geography,
// geometry, or a type that is not known.
//
// Numbers are the same when they are equal: numeric 12.00 goes into an int, and
// numeric 0.1 into no float, which has no such number. Rounding goes to the
// nearest, halves away from zero. A float below the smallest normal one is
// refused, and the negative zero is zero.
//
// Text becomes a number, a time, a uniqueidentifier or xml where it is spelled
// as PostgreSQL spells that type: 12 is an int, +12, 012 and a blank are not.
// Every type that has no like in the target (json, arrays, intervals, network
// addresses, ranges, composites and the rest) goes as its text form, and only
// into text. A bool does not become text, because no two systems agree on
// which; neither does bytea.
//
// The length of char and varchar is in bytes of the column's code page, that of
// nchar and nvarchar in code units of UTF-16. Blanks at the end are no part of
// a value in char and nchar, nor of one that comes from char(n) in PostgreSQL;
// in varchar and nvarchar they are, though the target's = does not count them.
// An empty text is not NULL. Upper and lower case are different values. The
// rule truncate cuts text and bytes to the length; transliterate replaces a
// character outside the code page by its nearest (ş by s), and refuses what has
// none.
//
// A binary(n) takes exactly n bytes, because those that the target would add
// cannot be told from the value's own.
//
// A timestamptz is written as the wall clock of the zone that is configured; to
// datetimeoffset it goes without one, in UTC, and there two values are the same
// when they are of one instant. The rule ambiguous allows the hour that the
// clock has twice. A timestamp, which says nothing of a zone, is written as it
// is, and not to datetimeoffset. A datetime counts 300ths of a second and shows
// milliseconds that end in 0, 3 or 7: only these go in without the rule round,
// which takes the nearest, or truncate, which takes the one before. The same
// two rules bring a time to the minute, or a timestamp to its day.
//
// An xml keeps its content and white space, not its spelling: attributes have
// no order, and a declaration is dropped. A document type declaration is
// refused.
package sqlserver
