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
