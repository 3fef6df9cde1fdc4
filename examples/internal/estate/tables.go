package estate

// none is the date that means none in the legacy system.
const none = "1900-01-01"

// Tables returns the estate's tables, parents before children.
func Tables() []*Table {
	return []*Table{property(), tenancy(), member(), action(), rent(), contact()}
}

func property() *Table {
	return &Table{
		Cloud: "public.property", Legacy: "dbo.property", Version: "tstamp",
		Columns: []Column{
			{Cloud: Field{"property_ref", "varchar(12) NOT NULL"}, Legacy: Field{"prop_ref", "char(12) NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"block_ref", "varchar(12)"}, Legacy: Field{"major_ref", "char(12) NULL"}},
			{Cloud: Field{"level", "varchar(1) NOT NULL"}, Legacy: Field{"level_code", "char(1) NOT NULL"}},
			{Cloud: Field{"address", "varchar(200) NOT NULL"}, Legacy: Field{"short_address", "varchar(200) NOT NULL"}, Shown: true},
			{Cloud: Field{"postcode", "varchar(10) NOT NULL"}, Legacy: Field{"post_code", "char(10) NOT NULL"}, Shown: true},
			{Cloud: Field{"bedrooms", "smallint NOT NULL"}, Legacy: Field{"no_bedrooms", "tinyint NOT NULL"}},
			{Cloud: Field{"lettable", "boolean NOT NULL"}, Legacy: Field{"lettable", "bit NOT NULL"}, Shown: true},
			{Cloud: Field{"property_id", "uuid NOT NULL"}, Legacy: Field{"u_property_id", "uniqueidentifier NOT NULL"}},
		},
	}
}

func tenancy() *Table {
	return &Table{
		Cloud: "public.tenancy", Legacy: "dbo.tenagree", Version: "tstamp",
		Columns: []Column{
			{Cloud: Field{"tenancy_ref", "varchar(11) NOT NULL"}, Legacy: Field{"tag_ref", "char(11) NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"property_ref", "varchar(12) NOT NULL"}, Legacy: Field{"prop_ref", "char(12) NOT NULL"}},
			{Cloud: Field{"household_ref", "varchar(10) NOT NULL"}, Legacy: Field{"house_ref", "char(10) NOT NULL"}},
			{Cloud: Field{"tenure", "varchar(3) NOT NULL"}, Legacy: Field{"tenure", "char(3) NOT NULL"}},
			{Cloud: Field{"start_date", "date NOT NULL"}, Legacy: Field{"cot", "smalldatetime NOT NULL"}},
			{Cloud: Field{"end_date", "date"}, Legacy: Field{"eot", "smalldatetime NOT NULL DEFAULT '1900-01-01'"}, NullAs: new(none), Shown: true},
			{Cloud: Field{"ended", "boolean NOT NULL"}, Legacy: Field{"terminated", "bit NOT NULL"}},
			{Cloud: Field{"rent", "numeric(9,2) NOT NULL"}, Legacy: Field{"rent", "numeric(9,2) NOT NULL"}, Shown: true},
			{Cloud: Field{"service_charge", "numeric(9,2) NOT NULL"}, Legacy: Field{"service", "numeric(9,2) NOT NULL"}},
			{Cloud: Field{"balance", "numeric(9,2) NOT NULL"}, Legacy: Field{"cur_bal", "numeric(9,2) NOT NULL DEFAULT 0"}, Owned: true, Default: "0.00", Shown: true},
			{Cloud: Field{"notes", "text"}, Legacy: Field{"u_notes", "text NULL"}},
			{Legacy: Field{"high_action", "char(3) NOT NULL DEFAULT '000'"}, Default: "000"},
		},
		CloudOnly: []string{"FOREIGN KEY (property_ref) REFERENCES public.property"},
	}
}

func member() *Table {
	return &Table{
		Cloud: "public.household_member", Legacy: "dbo.member", Version: "tstamp",
		Columns: []Column{
			{Cloud: Field{"household_ref", "varchar(10) NOT NULL"}, Legacy: Field{"house_ref", "char(10) NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"person_no", "integer NOT NULL"}, Legacy: Field{"person_no", "smallint NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"title", "varchar(10)"}, Legacy: Field{"title", "char(10) NULL"}},
			{Cloud: Field{"forename", "varchar(24) NOT NULL"}, Legacy: Field{"forename", "char(24) NOT NULL"}},
			{Cloud: Field{"surname", "varchar(20) NOT NULL"}, Legacy: Field{"surname", "char(20) NOT NULL"}, Shown: true},
			{Cloud: Field{"search_surname", "varchar(60) NOT NULL"}, Legacy: Field{"ci_surname", "varchar(60) NOT NULL"}},
			{Legacy: Field{"ci_forename", "AS forename COLLATE Latin1_General_CI_AI"}, CopyOf: "forename"},
			{Cloud: Field{"date_of_birth", "date"}, Legacy: Field{"dob", "datetime NULL"}},
			{Cloud: Field{"gender", "varchar(1)"}, Legacy: Field{"gender", "char(1) NULL"}},
			{Cloud: Field{"responsible", "boolean NOT NULL"}, Legacy: Field{"responsible", "bit NOT NULL"}},
			{Cloud: Field{"mobile", "varchar(20)"}, Legacy: Field{"u_mobile", "varchar(20) NULL"}, Shown: true},
			{Cloud: Field{"ni_number", "varchar(12)"}, Legacy: Field{"ni_no", "char(12) NOT NULL DEFAULT ''"}, NullAs: new("")},
		},
	}
}

func action() *Table {
	return &Table{
		Cloud: "public.arrears_action", Legacy: "dbo.araction", Version: "tstamp",
		Columns: []Column{
			{Cloud: Field{"tenancy_ref", "varchar(11) NOT NULL"}, Legacy: Field{"tag_ref", "char(11) NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"action_set", "integer NOT NULL"}, Legacy: Field{"action_set", "int NOT NULL"}, Key: true},
			{Cloud: Field{"action_no", "integer NOT NULL"}, Legacy: Field{"action_no", "int NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"code", "varchar(3) NOT NULL"}, Legacy: Field{"action_code", "char(3) NOT NULL"}, Key: true},
			{Cloud: Field{"taken_at", "timestamptz(3) NOT NULL"}, Legacy: Field{"action_date", "datetime NOT NULL"}, Rounded: true, Shown: true},
			{Cloud: Field{"balance", "numeric(7,2) NOT NULL"}, Legacy: Field{"action_balance", "numeric(7,2) NOT NULL"}},
			{Cloud: Field{"comment", "varchar(100)"}, Legacy: Field{"action_comment", "varchar(100) NULL"}, Shown: true},
			{Cloud: Field{"officer", "varchar(40) NOT NULL"}, Legacy: Field{"username", "char(40) NOT NULL"}},
			{Cloud: Field{"deferred_until", "date"}, Legacy: Field{"deferred_until", "smalldatetime NOT NULL DEFAULT '1900-01-01'"}, NullAs: new(none)},
			{Cloud: Field{"comment_only", "boolean NOT NULL"}, Legacy: Field{"comm_only", "bit NOT NULL"}},
		},
		CloudOnly: []string{"FOREIGN KEY (tenancy_ref) REFERENCES public.tenancy ON UPDATE CASCADE"},
	}
}

func rent() *Table {
	return &Table{
		Cloud: "public.rent_transaction", Legacy: "dbo.rtrans", Version: "tstamp",
		Columns: []Column{
			{Cloud: Field{"batch_no", "integer NOT NULL"}, Legacy: Field{"batch_no", "int NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"line_no", "integer NOT NULL"}, Legacy: Field{"line_no", "int NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"tenancy_ref", "varchar(11) NOT NULL"}, Legacy: Field{"tag_ref", "char(11) NOT NULL"}, Shown: true},
			{Cloud: Field{"kind", "varchar(3) NOT NULL"}, Legacy: Field{"trans_type", "char(3) NOT NULL"}},
			{Cloud: Field{"amount", "numeric(9,2) NOT NULL"}, Legacy: Field{"real_value", "numeric(9,2) NOT NULL"}, Shown: true},
			{Cloud: Field{"posted_at", "timestamp(0) NOT NULL"}, Legacy: Field{"post_date", "smalldatetime NOT NULL"}, Rounded: true, Shown: true},
			{Cloud: Field{"rent_year", "smallint NOT NULL"}, Legacy: Field{"post_year", "smallint NOT NULL"}},
			{Cloud: Field{"rent_week", "smallint NOT NULL"}, Legacy: Field{"post_prdno", "numeric(3,0) NOT NULL"}},
			{Cloud: Field{"transaction_id", "uuid NOT NULL"}, Legacy: Field{"u_trans_id", "uniqueidentifier NOT NULL"}},
		},
		CloudOnly: []string{"FOREIGN KEY (tenancy_ref) REFERENCES public.tenancy ON UPDATE CASCADE"},
	}
}

func contact() *Table {
	return &Table{
		Cloud: "public.contact", Legacy: "dbo.contacts", Keyless: true,
		Columns: []Column{
			{Cloud: Field{"contact_ref", "integer NOT NULL"}, Legacy: Field{"con_ref", "int NOT NULL"}, Key: true, Shown: true},
			{Cloud: Field{"tenancy_ref", "varchar(11) NOT NULL"}, Legacy: Field{"tag_ref", "char(11) NOT NULL"}, Shown: true},
			{Cloud: Field{"name", "varchar(73) NOT NULL"}, Legacy: Field{"con_name", "varchar(73) NOT NULL"}},
			{Cloud: Field{"address", "varchar(200)"}, Legacy: Field{"con_address", "varchar(200) NULL"}},
			{Cloud: Field{"phone", "varchar(20)"}, Legacy: Field{"con_phone1", "varchar(20) NULL"}, Shown: true},
			{Cloud: Field{"emergency", "boolean NOT NULL"}, Legacy: Field{"u_emergency", "bit NOT NULL"}, Shown: true},
		},
		CloudOnly: []string{"FOREIGN KEY (tenancy_ref) REFERENCES public.tenancy ON UPDATE CASCADE"},
	}
}
