package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// TestCheckListsTriggers: each trigger of a mapped table with what is chosen for
// it, and what keeps that from working.
func TestCheckListsTriggers(t *testing.T) {
	statements := append([]string{seenTable}, quiet("deaf", false)...)
	d := newDatabase(t, append(statements, quiet("still", true)...)...)
	d.exec(`CREATE TABLE dbo.bare (id int NOT NULL PRIMARY KEY, v varchar(20) NULL)`)
	d.exec(`CREATE TRIGGER dbo.tr_off ON dbo.still AFTER UPDATE AS INSERT INTO dbo.seen (what) SELECT v FROM inserted`)
	d.exec(`DISABLE TRIGGER dbo.tr_off ON dbo.still`)
	advice := ". have it begin with IF SUBSTRING(CONTEXT_INFO(), 1, 8) = 0x73796E636261636B RETURN, or let the table's triggers fire"
	for _, test := range []struct {
		triggers Triggers
		want     []string
	}{
		{FireTriggers, []string{
			"note dbo.deaf, trigger tr_deaf: it fires on what is applied",
			"note dbo.still, trigger tr_off: it is disabled",
			"note dbo.still, trigger tr_still: it fires on what is applied",
		}},
		{SuppressTriggers, []string{
			"warning dbo.deaf, trigger tr_deaf: it is told to stay silent, and its text does not look at CONTEXT_INFO, so that it fires all the same" + advice,
			"note dbo.still, trigger tr_off: it is disabled",
			"note dbo.still, trigger tr_still: it is told to stay silent",
		}},
		{EmulateTriggers, []string{
			"note dbo.bare: its triggers are emulated, and it has none that the login may see",
			"error dbo.deaf, trigger tr_deaf: it is told to stay silent, and emulated, and its text does not look at CONTEXT_INFO, so that it fires all the same" + advice,
			"note dbo.still, trigger tr_off: it is disabled",
			"note dbo.still, trigger tr_still: it is told to stay silent, and emulated",
		}},
	} {
		t.Run(test.triggers.String(), func(t *testing.T) {
			var source []*capture.Table
			cfg := d.cfg
			for _, name := range []string{"bare", "deaf", "still"} {
				source = append(source, sourceTable(name, "*id int4", "v text"))
				table := Table{Source: name, Target: name, Triggers: test.triggers}
				if test.triggers == EmulateTriggers {
					table.Emulator = emulatorFunc(housing)
				}
				cfg.Tables = append(cfg.Tables, table)
			}
			findings, err := Check(t.Context(), cfg, source)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				if !strings.Contains(f.Object+f.Problem, "trigger") {
					continue
				}
				text := f.Level.String() + " " + f.Object + ": " + f.Problem
				if f.Advice != "" {
					text += ". " + f.Advice
				}
				got = append(got, text)
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("it said\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestCheckOfTriggersInsteadOfTheWrite: one that does the write itself may leave it
// undone. The stand-in has none; there the catalogue is told that ordinary ones
// are.
func TestCheckOfTriggersInsteadOfTheWrite(t *testing.T) {
	statements := append([]string{seenTable}, quiet("deaf", false)...)
	statements = append(statements, quiet("still", true)...)
	if newDatabase(t).server == nil {
		for i := range statements {
			statements[i] = strings.Replace(statements[i], " AFTER ", " INSTEAD OF ", 1)
		}
	}
	d := newDatabase(t, statements...)
	cat, err := readCatalogue(t.Context(), d.db)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		table    string
		triggers Triggers
		want     string
	}{
		{"still", FireTriggers, "warning dbo.still, trigger tr_still: it fires INSTEAD OF the write, and may report a row that it did not write. compare the two sides after the first changes of this table"},
		{"still", SuppressTriggers, "warning dbo.still, trigger tr_still: it is told to stay silent; it fires INSTEAD OF the write, and where it does nothing nothing is written. have it do the write alone where it finds the marker, or let the table's triggers fire"},
		{"still", EmulateTriggers, "warning dbo.still, trigger tr_still: it is told to stay silent, and emulated; it fires INSTEAD OF the write, and where it does nothing nothing is written. have it do the write alone where it finds the marker, or let the table's triggers fire"},
		{"deaf", EmulateTriggers, "error dbo.deaf, trigger tr_deaf: it is told to stay silent, and emulated, and its text does not look at CONTEXT_INFO, so that it fires all the same. have it begin with IF SUBSTRING(CONTEXT_INFO(), 1, 8) = 0x73796E636261636B RETURN, or let the table's triggers fire"},
	} {
		table := cat.find(name{"dbo", test.table})
		if d.server != nil {
			table.triggers[0].insteadOf = true
		}
		c := &check{ctx: t.Context(), db: d.db}
		c.triggers(&mapping{target: table, config: Table{Triggers: test.triggers}})
		if len(c.findings) != 1 {
			t.Fatalf("%s: %v", test.table, c.findings)
		}
		f := c.findings[0]
		if got := f.Level.String() + " " + f.Object + ": " + f.Problem + ". " + f.Advice; got != test.want {
			t.Errorf("it says\n%s\nand not\n%s", got, test.want)
		}
	}
}
