-- What every database of the stand-in begins with: T-SQL's conversions and
-- functions that PostgreSQL does not have. Strings are bpchar, whose comparison
-- leaves trailing blanks out; tsql.t gives their text with them.
CREATE SCHEMA tsql;
CREATE COLLATION tsql.ci_as (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION tsql.ci_ai (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE COLLATION tsql.cs_ai (provider = icu, locale = 'und-u-ks-level1-kc-true', deterministic = false);
CREATE COLLATION tsql.cs_as (provider = icu, locale = 'und', deterministic = true);

-- An instant and the minutes of its offset; the instant is in UTC.
CREATE TYPE tsql.dto AS (utc timestamp, off int4);

CREATE SEQUENCE tsql.rowversions START 2001;
CREATE FUNCTION tsql.new_rowversion() RETURNS bytea LANGUAGE sql VOLATILE AS
$$SELECT int8send(nextval('tsql.rowversions'))$$;
CREATE FUNCTION tsql.dbts() RETURNS bytea LANGUAGE sql VOLATILE AS
$$SELECT int8send(last_value) FROM tsql.rowversions$$;

-- An error of SQL Server's: number, class and message.
CREATE FUNCTION tsql.fail(number int, class int, message text) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS
$$BEGIN RAISE EXCEPTION USING ERRCODE = 'TS000', MESSAGE = message, DETAIL = number || ',' || class; END$$;

CREATE FUNCTION tsql.t(x bpchar) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$SELECT textin(bpcharout(x))$$;

-- tsql.try evaluates an expression over one text; an error is NULL.
CREATE FUNCTION tsql.try(body text, x text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE r text COLLATE "C";
BEGIN
  EXECUTE body INTO r USING x;
  RETURN r;
EXCEPTION WHEN data_exception OR SQLSTATE 'TS000' THEN RETURN NULL;
END$$;

-- Lengths are in UTF-16 units for Unicode and in bytes for the code page, which
-- has one for each character.
CREATE FUNCTION tsql.units(x text, uni bool) RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN uni AND octet_length(x) > char_length(x)
    THEN char_length(x) + char_length(regexp_replace(x COLLATE "C", '[^\U00010000-\U0010FFFF]', '', 'g'))
    ELSE char_length(x) END$$;
CREATE FUNCTION tsql.len(x bpchar) RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS $$SELECT tsql.units(rtrim((tsql.t(x) COLLATE "C"), ' '), true)$$;
CREATE FUNCTION tsql.datalength(x bpchar, uni bool) RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN uni THEN 2 * tsql.units((tsql.t(x) COLLATE "C"), true) ELSE char_length((tsql.t(x) COLLATE "C")) END$$;

CREATE FUNCTION tsql.cut(x bpchar, n int4, uni bool) RETURNS bpchar LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := (tsql.t(x) COLLATE "C"); k int4 := n;
BEGIN
  IF char_length(s) <= n AND tsql.units(s, uni) <= n THEN RETURN x; END IF;
  WHILE tsql.units(left(s, k), uni) > n LOOP k := k - 1; END LOOP;
  RETURN left(s, k)::bpchar;
END$$;

CREATE FUNCTION tsql.pad(x bpchar, n int4, uni bool) RETURNS bpchar LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT ((tsql.t(x) COLLATE "C") || repeat(' ', n - tsql.units((tsql.t(x) COLLATE "C"), uni)))::bpchar$$;

-- What a column of n takes; blanks at the end are cut without a word.
CREATE FUNCTION tsql.fit(x bpchar, n int4, uni bool, tbl text, col text) RETURNS bpchar LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := (tsql.t(x) COLLATE "C");
BEGIN
  IF char_length(s) <= n AND tsql.units(s, uni) <= n THEN RETURN x; END IF;
  IF tsql.units(rtrim(s, ' '), uni) > n THEN
    PERFORM tsql.fail(2628, 16, format('String or binary data would be truncated in table ''%s'', column ''%s''. Truncated value: ''%s''.', tbl, col, tsql.t(tsql.cut(x, n, uni))));
  END IF;
  RETURN tsql.cut(x, n, uni);
END$$;

CREATE FUNCTION tsql.page(x bpchar) RETURNS bpchar LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN octet_length((tsql.t(x) COLLATE "C")) = char_length((tsql.t(x) COLLATE "C")) THEN x
    ELSE regexp_replace(regexp_replace((tsql.t(x) COLLATE "C"), '[\U00010000-\U0010FFFF]', '??', 'g'),
      '[^\u0001-\u00ff€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]', '?', 'g')::bpchar END$$;

CREATE FUNCTION tsql.num_str(x bpchar, n int4, src text, dst text) RETURNS bpchar LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF char_length((tsql.t(x) COLLATE "C")) > n THEN
    IF src = 'uniqueidentifier' THEN PERFORM tsql.fail(8170, 16, 'Insufficient result space to convert uniqueidentifier value to char.'); END IF;
    IF src IN ('int', 'smallint', 'tinyint') AND dst IN ('char', 'varchar') THEN RETURN '*'; END IF;
    PERFORM tsql.fail(8115, 16, format('Arithmetic overflow error converting %s to data type %s.', CASE WHEN src IN ('int', 'bigint') THEN 'expression' ELSE src END, dst));
  END IF;
  RETURN x;
END$$;

-- Whole numbers.
CREATE FUNCTION tsql.fit_int(x int8, lo int8, hi int8, name text) RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF x BETWEEN lo AND hi THEN RETURN x; END IF;
  IF name IN ('tinyint', 'smallint') THEN
    PERFORM tsql.fail(220, 16, format('Arithmetic overflow error for data type %s, value = %s.', name, x));
  END IF;
  PERFORM tsql.fail(8115, 16, format('Arithmetic overflow error converting expression to data type %s.', name));
END$$;
CREATE FUNCTION tsql.num_int(x numeric, lo int8, hi int8, name text) RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF x BETWEEN lo AND hi THEN RETURN x::int8; END IF;
  PERFORM tsql.fail(8115, 16, format('Arithmetic overflow error converting numeric to data type %s.', name));
END$$;
CREATE FUNCTION tsql.flt_int(x float8, lo int8, hi int8, name text) RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF trunc(x) BETWEEN lo AND hi THEN RETURN trunc(x)::int8; END IF;
  PERFORM tsql.fail(CASE WHEN name = 'int' THEN 232 ELSE 8115 END, 16, format('Arithmetic overflow error for type %s, value = %s.', name, x));
END$$;
CREATE FUNCTION tsql.str_int(x bpchar, lo int8, hi int8, name text, src text) RETURNS int8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := btrim((tsql.t(x) COLLATE "C"), ' '); n numeric;
BEGIN
  IF s = '' THEN RETURN 0; END IF;
  IF s !~ '^[+-]?\s*\d+$' THEN
    IF name = 'bigint' THEN PERFORM tsql.fail(8114, 16, format('Error converting data type %s to bigint.', src)); END IF;
    PERFORM tsql.fail(245, 16, format('Conversion failed when converting the %s value ''%s'' to data type %s.', src, (tsql.t(x) COLLATE "C"), name));
  END IF;
  n := replace(s, ' ', '')::numeric;
  IF n BETWEEN lo AND hi THEN RETURN n::int8; END IF;
  IF name = 'bigint' THEN PERFORM tsql.fail(8115, 16, 'Arithmetic overflow error converting expression to data type bigint.'); END IF;
  IF name = 'int' THEN PERFORM tsql.fail(248, 16, format('The conversion of the %s value ''%s'' overflowed an int column.', src, s)); END IF;
  PERFORM tsql.fail(244, 16, format('The conversion of the %s value ''%s'' overflowed an %s column. Use a larger integer column.', src, s, CASE name WHEN 'tinyint' THEN 'INT1' ELSE 'INT2' END));
END$$;
CREATE FUNCTION tsql.str_bit(x bpchar) RETURNS int2 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := lower(btrim((tsql.t(x) COLLATE "C"), ' '));
BEGIN
  IF s = 'true' THEN RETURN 1; ELSIF s IN ('false', '') THEN RETURN 0;
  ELSIF s ~ '^[+-]?\d+$' THEN RETURN CASE WHEN s::numeric <> 0 THEN 1 ELSE 0 END; END IF;
  PERFORM tsql.fail(245, 16, format('Conversion failed when converting the varchar value ''%s'' to data type bit.', (tsql.t(x) COLLATE "C")));
END$$;

-- Decimals and floats.
CREATE FUNCTION tsql.fit_dec(x numeric, p int4, s int4, src text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF abs(round(x, s)) < (10::numeric ^ (p - s)) THEN RETURN round(x, s); END IF;
  PERFORM tsql.fail(8115, 16, format('Arithmetic overflow error converting %s to data type numeric.', CASE WHEN src IN ('int', 'bigint', 'smallint', 'tinyint') THEN src WHEN src LIKE '%char' THEN src ELSE src END));
END$$;
CREATE FUNCTION tsql.fit_money(x numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF round(x, 4) BETWEEN -922337203685477.5808 AND 922337203685477.5807 THEN RETURN round(x, 4); END IF;
  PERFORM tsql.fail(8115, 16, 'Arithmetic overflow error converting expression to data type money.');
END$$;
CREATE FUNCTION tsql.fit_smallmoney(x numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF round(x, 4) BETWEEN -214748.3648 AND 214748.3647 THEN RETURN round(x, 4); END IF;
  PERFORM tsql.fail(8115, 16, 'Arithmetic overflow error converting expression to data type smallmoney.');
END$$;
CREATE FUNCTION tsql.flt_dec(x float8) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$SELECT x::text::numeric$$;
CREATE FUNCTION tsql.str_dec(x bpchar, src text, dst text) RETURNS numeric LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := btrim((tsql.t(x) COLLATE "C"), ' ');
BEGIN
  IF dst IN ('money', 'smallmoney') THEN
    s := replace(replace(replace(s, ',', ''), '$', ''), '£', '');
    IF s = '' THEN RETURN 0; END IF;
    IF s ~ '^[+-]?(\d+\.?\d*|\.\d+)$' THEN RETURN s::numeric; END IF;
    PERFORM tsql.fail(235, 16, 'Cannot convert a char value to money. The char value has incorrect syntax.');
  END IF;
  IF s ~ '^[+-]?(\d+\.?\d*|\.\d+)$' THEN RETURN s::numeric; END IF;
  PERFORM tsql.fail(8114, 16, format('Error converting data type %s to numeric.', src));
END$$;
CREATE FUNCTION tsql.str_flt(x bpchar, src text) RETURNS float8 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := btrim((tsql.t(x) COLLATE "C"), ' ');
BEGIN
  IF s = '' THEN RETURN 0; END IF;
  IF s ~ '^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$' THEN RETURN s::float8; END IF;
  PERFORM tsql.fail(8114, 16, format('Error converting data type %s to float.', src));
END$$;
CREATE FUNCTION tsql.flt_str(x float8, style int4) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE e int4; n numeric; digits int4 := 6;
BEGIN
  IF x = 0 THEN RETURN '0'; END IF;
  IF style = 3 THEN RETURN x::text; END IF;
  e := floor(log(abs(x)::numeric));
  n := round(x::text::numeric, digits - 1 - e);
  IF style = 0 AND e BETWEEN -5 AND 5 THEN
    RETURN CASE WHEN n::text LIKE '%.%' THEN rtrim(rtrim(n::text, '0'), '.') ELSE n::text END;
  END IF;
  IF style = 1 THEN digits := 8; ELSIF style = 2 THEN digits := 16; END IF;
  n := round(x::text::numeric / (10::numeric ^ e), digits - 1);
  RETURN CASE WHEN style = 0 THEN rtrim(rtrim(n::text, '0'), '.') ELSE n::text END || 'e' || CASE WHEN e < 0 THEN '-' ELSE '+' END || lpad(abs(e)::text, 3, '0');
END$$;

-- Bytes.
CREATE FUNCTION tsql.fit_bin(x bytea, n int4, tbl text, col text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF octet_length(x) <= n THEN RETURN x; END IF;
  PERFORM tsql.fail(2628, 16, format('String or binary data would be truncated in table ''%s'', column ''%s''. Truncated value: ''''.', tbl, col));
END$$;
CREATE FUNCTION tsql.pad_bin(x bytea, n int4) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT x || decode(repeat('00', n - octet_length(x)), 'hex')$$;
CREATE FUNCTION tsql.int_bin(x int8, n int4) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN n >= 8 THEN decode(repeat('00', n - 8), 'hex') || int8send(x) ELSE substring(int8send(x) FROM 9 - n) END$$;
CREATE FUNCTION tsql.bin_int(x bytea) RETURNS int8 LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT ('x' || lpad(encode(substring(x FROM greatest(1, octet_length(x) - 7)), 'hex'), 16, '0'))::bit(64)::int8$$;
CREATE FUNCTION tsql.swap_uuid(x bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT substring(x,4,1)||substring(x,3,1)||substring(x,2,1)||substring(x,1,1)||substring(x,6,1)||substring(x,5,1)||
    substring(x,8,1)||substring(x,7,1)||substring(x,9)$$;
CREATE FUNCTION tsql.uuid_bin(x uuid) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$SELECT tsql.swap_uuid(uuid_send(x))$$;
CREATE FUNCTION tsql.bin_uuid(x bytea) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT encode(tsql.swap_uuid(substring(tsql.pad_bin(x, greatest(16, octet_length(x))) FROM 1 FOR 16)), 'hex')::uuid$$;
-- The order of uniqueidentifier: the last six bytes first.
CREATE FUNCTION tsql.uuid_key(x uuid) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT substring(uuid_send(x), 11, 6) || substring(uuid_send(x), 9, 2) || substring(tsql.uuid_bin(x), 7, 2) ||
    substring(tsql.uuid_bin(x), 5, 2) || substring(tsql.uuid_bin(x), 1, 4)$$;
CREATE FUNCTION tsql.str_uuid(x bpchar) RETURNS uuid LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := btrim((tsql.t(x) COLLATE "C"), '{} ');
BEGIN
  IF left(s, 36) ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' THEN RETURN left(s, 36)::uuid; END IF;
  PERFORM tsql.fail(8169, 16, 'Conversion failed when converting from a character string to uniqueidentifier.');
END$$;
CREATE FUNCTION tsql.str_bin(x bpchar, uni bool, style int4) RETURNS bytea LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := (tsql.t(x) COLLATE "C"); r bytea := ''; c text COLLATE "C"; n int4;
BEGIN
  IF style IN (1, 2) THEN
    IF style = 1 AND s !~* '^0x' OR regexp_replace(s, '^0[xX]', '') !~* '^([0-9a-f]{2})*$' THEN
      PERFORM tsql.fail(8114, 16, 'Error converting data type varchar to varbinary.');
    END IF;
    RETURN decode(regexp_replace(s, '^0[xX]', ''), 'hex');
  END IF;
  IF NOT uni THEN RETURN convert_to(tsql.t(tsql.page(x)), 'WIN1252'); END IF;
  FOREACH c IN ARRAY regexp_split_to_array(s, '') LOOP
    n := ascii(c);
    CONTINUE WHEN c = '';
    IF n > 65535 THEN
      r := r || substring(int4send(55296 + (n - 65536) / 1024), 4, 1) || substring(int4send(55296 + (n - 65536) / 1024), 3, 1);
      n := 56320 + (n - 65536) % 1024;
    END IF;
    r := r || substring(int4send(n), 4, 1) || substring(int4send(n), 3, 1);
  END LOOP;
  RETURN r;
END$$;
CREATE FUNCTION tsql.bin_str(x bytea, style int4) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE style WHEN 1 THEN '0x' || upper(encode(x, 'hex')) WHEN 2 THEN upper(encode(x, 'hex')) ELSE convert_from(x, 'WIN1252') END$$;
CREATE FUNCTION tsql.bin_nstr(x bytea, style int4) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := '';
BEGIN
  IF style IN (1, 2) THEN RETURN tsql.bin_str(x, style); END IF;
  FOR i IN 0 .. octet_length(x) / 2 - 1 LOOP s := s || chr(get_byte(x, 2 * i) + 256 * get_byte(x, 2 * i + 1)); END LOOP;
  RETURN s;
END$$;
CREATE FUNCTION tsql.least_bin(a bytea, b bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$SELECT least(a, b)$$;
CREATE FUNCTION tsql.greatest_bin(a bytea, b bytea) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT AS $$SELECT greatest(a, b)$$;
CREATE AGGREGATE tsql.min(bytea) (SFUNC = tsql.least_bin, STYPE = bytea);
CREATE AGGREGATE tsql.max(bytea) (SFUNC = tsql.greatest_bin, STYPE = bytea);

-- Dates and times.
CREATE FUNCTION tsql.out_of_range(src text, dst text) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN tsql.fail(242, 16, format('The conversion of a %s data type to a %s data type resulted in an out-of-range value.', src, dst));
END$$;
CREATE FUNCTION tsql.to_datetime(x timestamp, src text) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE ticks numeric; s timestamp := date_trunc('second', x);
BEGIN
  ticks := round(extract(microseconds FROM x - s) * 3 / 10000);
  s := s + round(ticks * 10 / 3) * interval '1 millisecond';
  IF s < '1753-01-01' OR s >= '10000-01-01' THEN PERFORM tsql.out_of_range(src, 'datetime'); END IF;
  RETURN s;
END$$;
CREATE FUNCTION tsql.to_smalldt(x timestamp, src text) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE m timestamp := date_trunc('minute', x + interval '30.001 seconds');
BEGIN
  IF m < '1900-01-01' OR m >= '2079-06-07' THEN PERFORM tsql.out_of_range(src, 'smalldatetime'); END IF;
  RETURN m;
END$$;
CREATE FUNCTION tsql.mk_dto(x timestamp) RETURNS tsql.dto LANGUAGE sql IMMUTABLE STRICT AS $$SELECT ROW(x, 0)::tsql.dto$$;
CREATE FUNCTION tsql.to_dto(x timestamp, off int4) RETURNS tsql.dto LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT ROW(x - off * interval '1 minute', off)::tsql.dto$$;
CREATE FUNCTION tsql.dto_local(x tsql.dto) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT (x).utc + (x).off * interval '1 minute'$$;
CREATE FUNCTION tsql.round_dto(x tsql.dto, n int4) RETURNS tsql.dto LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT ROW(CASE n WHEN 0 THEN (x).utc::timestamp(0) WHEN 1 THEN (x).utc::timestamp(1) WHEN 2 THEN (x).utc::timestamp(2)
    WHEN 3 THEN (x).utc::timestamp(3) WHEN 4 THEN (x).utc::timestamp(4) WHEN 5 THEN (x).utc::timestamp(5) ELSE (x).utc END, (x).off)::tsql.dto$$;
CREATE FUNCTION tsql.offset_minutes(x bpchar) RETURNS int4 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE m text[] COLLATE "C" := regexp_match((tsql.t(x) COLLATE "C"), '^\s*([+-])(\d{1,2}):(\d{2})\s*$');
BEGIN
  IF m IS NULL THEN
    IF upper((tsql.t(x) COLLATE "C")) = 'Z' THEN RETURN 0; END IF;
    PERFORM tsql.fail(9812, 16, 'The timezone provided to builtin function is invalid.');
  END IF;
  RETURN (m[1] || '1')::int4 * (m[2]::int4 * 60 + m[3]::int4);
END$$;

-- Text to a timestamp, by the styles that have an order of their own, or by the
-- session's DATEFORMAT, which the older types follow even for yyyy-mm-dd.
CREATE FUNCTION tsql.str_ts(x bpchar, style int4, fmt text, dst text) RETURNS timestamp LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE s text COLLATE "C" := regexp_replace(btrim((tsql.t(x) COLLATE "C"), ' '), '\s*(Z|[+-]\d\d:\d\d)$', ''); m text[] COLLATE "C"; d text COLLATE "C"; t text COLLATE "C"; y int4; mo int4; da int4; p text[] COLLATE "C";
BEGIN
  -- The plain case, which PostgreSQL reads by itself.
  IF s ~ '^\d{4}-[01]\d-[0-2]\d[ T][01]\d:[0-5]\d:[0-5]\d(\.\d{1,6})?$' AND (fmt = 'mdy' OR s ~ 'T') AND substr(s, 6, 2) BETWEEN '01' AND '12'
    AND substr(s, 9, 2) BETWEEN '01' AND '28' AND left(s, 4) > '0000' AND (tsql.t(x) COLLATE "C") = s THEN RETURN s::timestamp; END IF;
  IF dst IN ('datetime', 'smalldatetime') AND s <> btrim((tsql.t(x) COLLATE "C"), ' ') AND s !~ 'T' AND (tsql.t(x) COLLATE "C") ~ '[+-]\d\d:\d\d\s*$' THEN
    PERFORM tsql.fail(241, 16, 'Conversion failed when converting date and/or time from character string.');
  END IF;
  IF s = '' THEN RETURN '1900-01-01'; END IF;
  m := regexp_match(s, '^(.*?)[T ]*(\d{1,2}(?::\d{2}){1,2}(?:[.:]\d{1,7})?(?:\s*[AaPp][Mm])?|\d{1,2}\s*[AaPp][Mm])?$');
  d := btrim(m[1]); t := coalesce(m[2], '00:00');
  IF d = '' THEN d := '19000101'; END IF;
  IF d ~ '^\d{8}$' OR d ~ '^\d{6}$' THEN
    IF d ~ '^\d{6}$' THEN d := CASE WHEN left(d, 2) < '50' THEN '20' ELSE '19' END || d; END IF;
    y := left(d, 4); mo := substr(d, 5, 2); da := right(d, 2);
  ELSIF d ~ '^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}$' THEN
    p := regexp_split_to_array(d, '[-/.]'); y := p[1]; mo := p[2]; da := p[3];
    IF fmt = 'dmy' AND dst IN ('datetime', 'smalldatetime') AND style NOT IN (20, 21, 120, 121, 126, 127) AND s !~ 'T' THEN
      mo := p[3]; da := p[2];
    END IF;
  ELSIF d ~ '^\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})$' THEN
    p := regexp_split_to_array(d, '[-/.]'); y := p[3];
    IF length(p[3]) = 2 THEN y := y + CASE WHEN y < 50 THEN 2000 ELSE 1900 END; END IF;
    IF style IN (3, 4, 5, 103, 104, 105) OR style NOT IN (1, 101, 110) AND fmt = 'dmy' THEN mo := p[2]; da := p[1];
    ELSE mo := p[1]; da := p[2]; END IF;
  ELSIF d ~* '^([a-z]{3,9})\s+\d{1,2},?\s+\d{4}$' OR d ~* '^\d{1,2}\s+[a-z]{3,9},?\s+\d{4}$' THEN
    p := regexp_match(d, '([A-Za-z]{3})'); y := right(d, 4);
    mo := (position(lower(p[1]) IN 'janfebmaraprmayjunjulaugsepoctnovdec') + 2) / 3;
    p := regexp_match(left(d, -4), '(\d{1,2})'); da := p[1];
  ELSE
    PERFORM tsql.fail(241, 16, 'Conversion failed when converting date and/or time from character string.');
  END IF;
  BEGIN
    t := regexp_replace(t, '^(\d{1,2}:\d{2}:\d{2}):(\d+)', '\1.\2');
    IF t !~ ':' THEN t := regexp_replace(t, '(\d+)', '\1:00'); END IF;
    RETURN make_date(y, mo, da) + t::time;
  EXCEPTION WHEN data_exception THEN
    IF dst IN ('datetime', 'smalldatetime') THEN PERFORM tsql.out_of_range('varchar', dst); END IF;
    PERFORM tsql.fail(241, 16, 'Conversion failed when converting date and/or time from character string.');
  END;
END$$;
CREATE FUNCTION tsql.str_dto(x bpchar, style int4, n int4) RETURNS tsql.dto LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE m text[] COLLATE "C" := regexp_match((tsql.t(x) COLLATE "C"), '([+-]\d{2}:\d{2})\s*$'); off int4 := 0;
BEGIN
  IF m IS NOT NULL THEN off := tsql.offset_minutes(m[1]::bpchar); END IF;
  RETURN tsql.round_dto(tsql.to_dto(tsql.str_ts(x, style, 'mdy', 'datetimeoffset'), off), n);
END$$;
CREATE FUNCTION tsql.dt_str(x timestamp, style int4, kind text, scale int4) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  frac text COLLATE "C" := CASE WHEN kind = 'datetime' THEN to_char(x, '.MS') WHEN scale = 0 OR kind IN ('date', 'smalldatetime') THEN '' ELSE '.' || left(to_char(x, 'US') || '0', scale) END;
  old bool := kind IN ('datetime', 'smalldatetime');
  st int4 := style;
BEGIN
  IF st = 0 AND NOT old THEN st := 121; END IF;
  IF kind = 'smalldatetime' AND st IN (121, 21, 25) THEN frac := '.000'; END IF;
  IF kind = 'date' AND st IN (20, 21, 25, 120, 121, 126, 127, 23) THEN RETURN to_char(x, 'YYYY-MM-DD'); END IF;
  IF kind = 'time' AND st IN (20, 120, 8, 108, 24) THEN RETURN to_char(x, 'HH24:MI:SS'); END IF;
  IF kind = 'time' AND st IN (21, 25, 121, 126, 127, 14, 114) THEN RETURN to_char(x, 'HH24:MI:SS') || frac; END IF;
  CASE st
    WHEN 0, 100 THEN RETURN to_char(x, 'Mon ') || lpad(to_char(x, 'FMDD'), 2) || to_char(x, ' YYYY ') || lpad(to_char(x, 'FMHH12'), 2) || to_char(x, ':MIAM');
    WHEN 1 THEN RETURN to_char(x, 'MM/DD/YY');
    WHEN 101 THEN RETURN to_char(x, 'MM/DD/YYYY');
    WHEN 2 THEN RETURN to_char(x, 'YY.MM.DD');
    WHEN 102 THEN RETURN to_char(x, 'YYYY.MM.DD');
    WHEN 3 THEN RETURN to_char(x, 'DD/MM/YY');
    WHEN 103 THEN RETURN to_char(x, 'DD/MM/YYYY');
    WHEN 104 THEN RETURN to_char(x, 'DD.MM.YYYY');
    WHEN 105 THEN RETURN to_char(x, 'DD-MM-YYYY');
    WHEN 106 THEN RETURN to_char(x, 'DD Mon YYYY');
    WHEN 107 THEN RETURN to_char(x, 'Mon DD, YYYY');
    WHEN 8, 108, 24 THEN RETURN to_char(x, 'HH24:MI:SS');
    WHEN 14, 114 THEN RETURN to_char(x, 'HH24:MI:SS:MS');
    WHEN 12 THEN RETURN to_char(x, 'YYMMDD');
    WHEN 112 THEN RETURN to_char(x, 'YYYYMMDD');
    WHEN 20, 120 THEN RETURN to_char(x, 'YYYY-MM-DD HH24:MI:SS');
    WHEN 21, 25, 121 THEN RETURN to_char(x, 'YYYY-MM-DD HH24:MI:SS') || frac;
    WHEN 23 THEN RETURN to_char(x, 'YYYY-MM-DD');
    WHEN 126 THEN RETURN to_char(x, 'YYYY-MM-DD"T"HH24:MI:SS') || CASE WHEN kind = 'datetime' AND frac = '.000' THEN '' ELSE frac END;
    WHEN 127 THEN RETURN to_char(x, 'YYYY-MM-DD"T"HH24:MI:SS') || frac || CASE WHEN old THEN '' ELSE '' END;
    ELSE PERFORM tsql.fail(281, 16, format('%s is not a valid style number when converting from %s to a character string.', style, kind));
  END CASE;
END$$;
CREATE FUNCTION tsql.dto_str(x tsql.dto, style int4, scale int4) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN style = 127 THEN tsql.dt_str((x).utc, 126, 'datetime2', scale) || 'Z'
    ELSE tsql.dt_str(tsql.dto_local(x), style, 'datetime2', scale) || CASE WHEN style IN (0, 121, 21, 25, 120, 20) THEN ' ' ELSE '' END
      || CASE WHEN style IN (0, 121, 21, 25, 120, 20, 126) THEN CASE WHEN (x).off < 0 THEN '-' ELSE '+' END
      || lpad((abs((x).off) / 60)::text, 2, '0') || ':' || lpad((abs((x).off) % 60)::text, 2, '0') ELSE '' END END$$;
CREATE FUNCTION tsql.dateadd(unit text, n int4, x timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT x + CASE unit WHEN 'year' THEN make_interval(years => n) WHEN 'quarter' THEN make_interval(months => 3 * n)
    WHEN 'month' THEN make_interval(months => n) WHEN 'week' THEN make_interval(weeks => n)
    WHEN 'hour' THEN make_interval(hours => n) WHEN 'minute' THEN make_interval(mins => n) WHEN 'second' THEN make_interval(secs => n)
    WHEN 'millisecond' THEN n * interval '1 millisecond' WHEN 'microsecond' THEN n * interval '1 microsecond'
    WHEN 'nanosecond' THEN n / 1000 * interval '1 microsecond' ELSE make_interval(days => n) END$$;
CREATE FUNCTION tsql.datediff(unit text, a timestamp, b timestamp) RETURNS int4 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE u text COLLATE "C" := CASE unit WHEN 'doy' THEN 'day' WHEN 'dow' THEN 'day' WHEN 'week' THEN 'day' WHEN 'nanosecond' THEN 'microsecond' ELSE unit END; n numeric;
BEGIN
  IF unit = 'week' THEN RETURN (date_trunc('week', b + interval '1 day')::date - date_trunc('week', a + interval '1 day')::date) / 7; END IF;
  IF u IN ('year', 'quarter', 'month') THEN
    n := (extract(year FROM b) - extract(year FROM a)) * 12 + extract(month FROM b) - extract(month FROM a);
    IF u = 'month' THEN RETURN n; END IF;
    IF u = 'year' THEN RETURN extract(year FROM b) - extract(year FROM a); END IF;
    RETURN (extract(year FROM b) - extract(year FROM a)) * 4 + extract(quarter FROM b) - extract(quarter FROM a);
  END IF;
  n := extract(epoch FROM date_trunc(u, b) - date_trunc(u, a));
  n := CASE u WHEN 'day' THEN n / 86400 WHEN 'hour' THEN n / 3600 WHEN 'minute' THEN n / 60 WHEN 'second' THEN n
    WHEN 'millisecond' THEN n * 1000 ELSE n * 1000000 END;
  IF unit = 'nanosecond' THEN n := n * 1000; END IF;
  IF abs(n) > 2147483647 THEN
    PERFORM tsql.fail(535, 16, 'The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.');
  END IF;
  RETURN n;
END$$;
CREATE FUNCTION tsql.datepart(unit text, x timestamp) RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE unit WHEN 'dow' THEN extract(dow FROM x)::int4 + 1 WHEN 'doy' THEN extract(doy FROM x)::int4
    WHEN 'isowk' THEN extract(week FROM x)::int4
    WHEN 'week' THEN ((extract(doy FROM x) + extract(dow FROM date_trunc('year', x)) - 1)::int4 / 7) + 1
    WHEN 'second' THEN floor(extract(second FROM x))::int4 WHEN 'millisecond' THEN (extract(microsecond FROM x)::int4 % 1000000) / 1000
    WHEN 'microsecond' THEN extract(microsecond FROM x)::int4 % 1000000
    WHEN 'nanosecond' THEN (extract(microsecond FROM x)::int4 % 1000000) * 1000 ELSE date_part(unit, x)::int4 END$$;
CREATE FUNCTION tsql.datename(unit text, x timestamp) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE unit WHEN 'month' THEN to_char(x, 'FMMonth') WHEN 'dow' THEN to_char(x, 'FMDay') ELSE tsql.datepart(unit, x)::text END$$;

-- String functions.
CREATE FUNCTION tsql."like"(x bpchar, pattern bpchar, esc bpchar, exact bool) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE p text COLLATE "C" := (tsql.t(pattern) COLLATE "C"); r text COLLATE "C" := ''; c text COLLATE "C"; i int4 := 1; j int4; e text COLLATE "C" := nullif((tsql.t(esc) COLLATE "C"), '');
BEGIN
  IF x IS NULL OR pattern IS NULL THEN RETURN NULL; END IF;
  WHILE i <= length(p) LOOP
    c := substr(p, i, 1);
    IF c = e THEN i := i + 1; c := substr(p, i, 1); r := r || regexp_replace(c, '([^[:alnum:][:space:]])', '\\\1');
    ELSIF c = '%' THEN r := r || '.*';
    ELSIF c = '_' THEN r := r || '.';
    ELSIF c = '[' AND position(']' IN substr(p, i + 1)) > 0 THEN
      j := i + position(']' IN substr(p, i + 1));
      c := substr(p, i + 1, j - i - 1);
      r := r || '[' || replace(replace(c, '\', '\\'), '[', '\[') || ']'; i := j;
    ELSE r := r || regexp_replace(c, '([^[:alnum:][:space:]])', '\\\1'); END IF;
    i := i + 1;
  END LOOP;
  -- Blanks at the end of the text do not keep it from matching.
  RETURN CASE WHEN exact THEN (tsql.t(x) COLLATE "C") ~ ('^' || r || ' *$') ELSE (tsql.t(x) COLLATE tsql.cs_as) ~* (('^' || r || ' *$') COLLATE tsql.cs_as) END;
END$$;
CREATE FUNCTION tsql.count(n int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF n < 0 THEN PERFORM tsql.fail(536, 16, 'Invalid length parameter passed to the left function.'); END IF;
  RETURN n;
END$$;
CREATE FUNCTION tsql.substr(x bpchar, start int4, n int4) RETURNS bpchar LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  IF n < 0 THEN PERFORM tsql.fail(537, 16, 'Invalid length parameter passed to the LEFT or SUBSTRING function.'); END IF;
  RETURN substring((tsql.t(x) COLLATE "C") FROM start FOR n)::bpchar;
END$$;
CREATE FUNCTION tsql.replace(x bpchar, a bpchar, b bpchar) RETURNS bpchar LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN (tsql.t(a) COLLATE "C") = '' THEN x ELSE regexp_replace(tsql.t(x) COLLATE tsql.cs_as,
    regexp_replace((tsql.t(a) COLLATE "C"), '([^[:alnum:][:space:]])', '\\\1', 'g') COLLATE tsql.cs_as, replace((tsql.t(b) COLLATE "C"), '\', '\\') COLLATE tsql.cs_as, 'gi')::bpchar END$$;
CREATE FUNCTION tsql.stuff(x bpchar, start int4, n int4, y bpchar) RETURNS bpchar LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN start < 1 OR n < 0 OR start > char_length((tsql.t(x) COLLATE "C")) THEN NULL
    ELSE (left((tsql.t(x) COLLATE "C"), start - 1) || coalesce((tsql.t(y) COLLATE "C"), '') || substr((tsql.t(x) COLLATE "C"), start + n))::bpchar END$$;
CREATE FUNCTION tsql.charindex(what bpchar, x bpchar, start int4, exact bool) RETURNS int4 LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE a text COLLATE "C" := tsql.t(what); b text COLLATE "C" := substr(tsql.t(x), greatest(start, 1)); n int4;
BEGIN
  IF NOT exact THEN a := lower(a COLLATE tsql.cs_as); b := lower(b COLLATE tsql.cs_as); END IF;
  n := position(a IN b);
  RETURN CASE WHEN n = 0 THEN 0 ELSE n + greatest(start, 1) - 1 END;
END$$;
CREATE FUNCTION tsql.ascii(x bpchar) RETURNS int4 LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN (tsql.t(x) COLLATE "C") = '' THEN NULL ELSE get_byte(convert_to(tsql.t(tsql.page(left((tsql.t(x) COLLATE "C"), 1)::bpchar)), 'WIN1252'), 0) END$$;
CREATE FUNCTION tsql.chr(n int4) RETURNS bpchar LANGUAGE sql IMMUTABLE STRICT AS
$$SELECT CASE WHEN n BETWEEN 1 AND 255 THEN convert_from(substring(int4send(n) FROM 4), 'WIN1252')::bpchar END$$;
CREATE FUNCTION tsql.quotename(x bpchar) RETURNS bpchar LANGUAGE sql IMMUTABLE STRICT AS $$SELECT ('[' || replace((tsql.t(x) COLLATE "C"), ']', ']]') || ']')::bpchar$$;

-- The rows that a statement changed, as its triggers see them: the generic
-- trigger keeps them in a setting of the transaction, one for each depth.
CREATE FUNCTION tsql.rows_key(what text, depth text, rel oid) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'tsql.' || what || depth || '_' || rel$$;
CREATE FUNCTION tsql.keep_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE depth text COLLATE "C" := current_setting('tsql.depth', true); ins text COLLATE "C"; del text COLLATE "C";
BEGIN
  IF coalesce(depth, '') = '' THEN RETURN NULL; END IF; -- the table's last trigger was dropped: no one looks
  IF TG_OP <> 'DELETE' THEN EXECUTE 'SELECT array_agg(n)::text FROM new_rows n' INTO ins; END IF;
  IF TG_OP <> 'INSERT' THEN EXECUTE 'SELECT array_agg(o)::text FROM old_rows o' INTO del; END IF;
  PERFORM set_config(tsql.rows_key('inserted', depth, TG_RELID), coalesce(ins, '{}'), true);
  PERFORM set_config(tsql.rows_key('deleted', depth, TG_RELID), coalesce(del, '{}'), true);
  RETURN NULL;
END$$;
CREATE FUNCTION tsql.kept(t anyelement, what text, depth int4) RETURNS SETOF anyelement LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY EXECUTE format('SELECT (u).* FROM unnest(current_setting(%L)::%s[]) u',
    tsql.rows_key(what, depth::text, (SELECT typrelid FROM pg_catalog.pg_type WHERE oid = pg_typeof(t))), pg_typeof(t));
END$$;

-- Identity columns: one sequence each, whose name is the table's and the column's.
CREATE FUNCTION tsql.identity_sequence(tbl text) RETURNS regclass LANGUAGE sql STABLE AS $$
  SELECT pg_get_serial_sequence(tbl, attname)::regclass FROM pg_attribute WHERE attrelid = tbl::regclass AND attidentity <> '' AND NOT attisdropped$$;
CREATE FUNCTION tsql.identity_seen(tbl text, v int8, step int8) RETURNS int8 LANGUAGE plpgsql AS $$
DECLARE seq regclass := tsql.identity_sequence(tbl); last int8; called bool;
BEGIN
  EXECUTE 'SELECT last_value, is_called FROM ' || seq INTO last, called;
  IF NOT called OR step > 0 AND v > last OR step < 0 AND v < last THEN PERFORM setval(seq, v); END IF;
  RETURN v;
END$$;
