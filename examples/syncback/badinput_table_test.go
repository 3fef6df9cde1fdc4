package main_test

// badTables are mappings that do not go with the two sides.
var badTables = []badInput{
	{name: "target table missing", make: config("source: tenancy, target: tenant"), want: "target: target table dbo.tenant does not exist, or the login may not see it; correct the name or grant SELECT on it",
		check: "tables: target table dbo.tenant does not exist, or the login may not see it. correct the name or grant SELECT on it"},
	{name: "target column missing", make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag}}"), want: `target: dbo.tenagree: columns, ref names column "tag", which the target table lacks; correct the name`,
		check: `tables: dbo.tenagree: columns, ref names column "tag", which the target table lacks. correct the name`},
	{name: "key column missing", make: config("source: tenancy, target: tenagree, key: [tag]"), want: `target: dbo.tenagree: key names column "tag", which the target table lacks; correct the name`,
		check: `tables: dbo.tenagree: key names column "tag", which the target table lacks. correct the name`},
	{name: "excluded column missing", make: config("source: tenancy, target: tenagree, exclude: [tag]"), want: `target: dbo.tenagree: exclude names column "tag", which the target table lacks; correct the name`,
		check: `tables: dbo.tenagree: exclude names column "tag", which the target table lacks. correct the name`},
	{name: "fixed column missing", make: config("source: tenancy, target: tenagree, fixed: {tag: x}"), want: `target: dbo.tenagree: fixed names column "tag", which the target table lacks; correct the name`,
		check: `tables: dbo.tenagree: fixed names column "tag", which the target table lacks. correct the name`},
	{name: "source column missing", args: "check", make: config("source: tenancy, target: tenagree, columns: {re: {skip: true}, ref: {to: tag_ref}, ended: {to: eot}}"), want: unfit, check: `dbo.tenagree: public.tenancy: columns names "re", which the source table lacks. correct the name`},
	{name: "column without its like", args: "check", make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}}"), want: unfit, check: "dbo.tenagree: public.tenancy has column \"ended\", which dbo.tenagree lacks. map it with `to`, or `skip` it"},
	{name: "two columns into one", args: "check", make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}, ended: {to: tag_ref}}"), want: unfit, check: `dbo.tenagree: public.tenancy: columns "ref" and "ended" are both mapped to "tag_ref". skip one`},
	{name: "key that is not written", args: "check", make: config("source: tenancy, target: tenagree, key: [eot], columns: {ref: {to: tag_ref}, ended: {skip: true}}"), want: unfit, check: `dbo.tenagree: key column "eot" is not written from any column of public.tenancy. map one to it`},
	{name: "types that do not go together", args: "check", make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}, ended: {to: rent}, rent: {skip: true}}"), want: unfit, check: `dbo.tenagree, column rent: date into numeric(9,2): refused; date is not written to numeric(9,2). map it to a column of a type that can hold it, or skip it`},
	{name: "column that is never given a value", args: "check", make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}, ended: {skip: true}}"), want: unfit, check: "dbo.tenagree, column eot: it must not be null, has no default, and nothing is written to it, so that every insert would be refused. map a source column to it, or give it a value with `fixed`"},
	{name: "value of a null that does not fit", args: "check", make: config("source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}, ended: {to: eot, null_as: hunter2}}"), want: unfit, check: `dbo.tenagree, column eot: date into smalldatetime: refused; what stands for null does not fit smalldatetime: the text is not a date or time in its ISO form. correct it`},
	{name: "fixed value that does not fit", args: "check", make: config("source: tenancy, target: tenagree, fixed: {eot: hunter2}, columns: {ref: {to: tag_ref}, ended: {skip: true}}"), want: unfit, check: `dbo.tenagree: the fixed value of column "eot" does not fit smalldatetime: the text is not a date or time in its ISO form. correct it`},
	{name: "fixed and written", args: "check", make: config("source: tenancy, target: tenagree, fixed: {rent: 1}, columns: {ref: {to: tag_ref}, ended: {to: eot}}"), want: unfit, check: `dbo.tenagree: column "rent" is both fixed and written from the source. keep one`},
}

// config gives the site a table.
func config(table string) func(*site) {
	return func(s *site) { s.configure("tables: [{" + table + "}]\n") }
}
