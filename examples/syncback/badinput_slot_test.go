package main_test

import "strings"

// badSlots are sources that are not set up for this.
var badSlots = []badInput{
	{
		name: "slot of another kind", ready: prepared,
		make:  func(s *site) { s.onSource(`SELECT pg_create_physical_replication_slot($1)`, s.slot()) },
		want:  "begin: source: slot SLOT is not a logical slot of pgoutput: name one that does not exist, and it is made",
		check: "slot SLOT: it is not a logical slot of pgoutput: name one that does not exist, and it is made",
	},
	{
		name: "slot of another database", ready: prepared,
		make: func(s *site) {
			other := newSite(s.t)
			other.onSource(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, s.slot())
		},
		want:  "begin: source: slot SLOT is of database OTHER: correct the DSN, or name another slot",
		check: "slot SLOT: it is of database OTHER: correct the DSN, or name another slot",
	},
	{
		name: "publication without a table", ready: prepared,
		make:  func(s *site) { s.onSource(`CREATE PUBLICATION syncback`) },
		want:  `begin: source: publication syncback does not have all tables to capture, or they do not exist: ALTER PUBLICATION "syncback" ADD TABLE "public"."tenancy"`,
		check: `publication syncback: it does not have all tables to capture, or they do not exist: ALTER PUBLICATION "syncback" ADD TABLE "public"."tenancy". Run the statement as the publication's owner`,
	},
	{
		name: "publication without deletes", ready: prepared,
		make: func(s *site) {
			s.onSource(`CREATE PUBLICATION syncback FOR TABLE tenancy WITH (publish = 'insert, update')`)
		},
		want:  `begin: source: publication syncback leaves out delete, truncate: ALTER PUBLICATION "syncback" SET (publish = 'insert, update, delete, truncate')`,
		check: `publication syncback: it leaves out delete, truncate: ALTER PUBLICATION "syncback" SET (publish = 'insert, update, delete, truncate'). Run the statement as the publication's owner`,
	},
	{
		name: "replica identity", ready: prepared,
		make:  func(s *site) { s.onSource(`ALTER TABLE tenancy REPLICA IDENTITY DEFAULT`) },
		want:  `begin: source: table public.tenancy: its replica identity is not full, so what changed in a row is not known. ALTER TABLE ONLY "public"."tenancy" REPLICA IDENTITY FULL; or name the table as key-only`,
		check: `table public.tenancy: its replica identity is not full, so what changed in a row is not known. ALTER TABLE ONLY "public"."tenancy" REPLICA IDENTITY FULL; or name the table as key-only`,
	},
	{
		name: "view", ready: prepared,
		make: func(s *site) {
			s.onSource(`CREATE VIEW v AS SELECT * FROM tenancy`)
			s.configure(strings.Replace(tables, "source: tenancy", "source: v", 1))
		},
		want:  "begin: source: table public.v: it is not a table, so PostgreSQL does not publish it. Name the tables that it is made of",
		check: "table public.v: it is not a table, so PostgreSQL does not publish it. Name the tables that it is made of",
	},
	{
		name: "source table missing", ready: prepared,
		make:  func(s *site) { s.configure(strings.Replace(tables, "source: tenancy", "source: Tenancy", 1)) },
		want:  "begin: source: table public.Tenancy: it does not exist. Names are taken as they are written, and there is a table public.tenancy",
		check: "table public.Tenancy: it does not exist. Names are taken as they are written, and there is a table public.tenancy",
	},
	{
		name: "slot lost", ready: applied, make: func(s *site) { s.dropSlot() },
		want:  "source: gap: slot SLOT is gone, and with it the changes after X/X. Compare the two sides and repair, then start with a new slot and a new queue",
		check: "source: gap: slot SLOT is gone, and with it the changes after X/X. Compare the two sides and repair, then start with a new slot and a new queue",
	},
	{
		name: "slot and queue lost", ready: applied, make: func(s *site) {
			s.dropSlot()
			s.removeQueue()
		},
		want:  "begin: the queue is empty and the target stands at X/X: source: gap: slot SLOT is gone, and with it the changes after X/X. Compare the two sides and repair, then start with a new slot and a new queue",
		check: "source: gap: slot SLOT is gone, and with it the changes after X/X. Compare the two sides and repair, then start with a new slot and a new queue",
	},
	{
		name: "publication lost", ready: applied, make: func(s *site) { s.onSource(`DROP PUBLICATION syncback`) },
		want:  "source: gap: publication syncback is gone, and with it the changes after X/X. Compare the two sides and repair, then start with a new slot and a new queue",
		check: "source: gap: publication syncback is gone, and with it the changes after X/X. Compare the two sides and repair, then start with a new slot and a new queue",
	},
	{
		name: "wal_level", ready: prepared,
		make: func(s *site) {
			own := newClusterWith(s.t, map[string]string{"wal_level": "replica"})
			*s = *newSiteOn(s.t, own)
			s.executeDDL()
		},
		want:  "begin: source: create slot SLOT: … (SQLSTATE 55000); set wal_level = logical, and restart the server",
		check: "wal_level: it is replica, with which no changes can be decoded. ALTER SYSTEM SET wal_level = logical, and restart the server",
	},
}
