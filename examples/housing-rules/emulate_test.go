package main

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/resolvetest"
)

// onPremises is what there is on premises in these tests.
func onPremises() *resolvetest.Memory {
	return &resolvetest.Memory{
		Tables: map[string]resolve.Result{
			"dbo.tenagree": resolvetest.Table("tag_ref* cur_bal rentgrp_ref action_set",
				[]string{"000023/02  ", "-12.50", "GN ", "2"}, []string{"000024/01", "0.00", "HR", "1"}),
			"dbo.rentgrp": resolvetest.Table("rentgrp_ref* debit_outst", []string{"GN", "0"}, []string{"HR", "1"}),
			"dbo.araction": resolvetest.Table("tag_ref* action_set* action_no* action_code*",
				[]string{"000023/02", "1", "9", "GEN"}, []string{"000023/02", "2", "1", "GEN"}, []string{"000023/02", "2", "3", "EVD"}),
			"dbo.rmtask": resolvetest.Table("rq_ref* task_no* job_code",
				[]string{"R1", "1", "PLUMB"}, []string{"R1", "4", "PAINT"}, []string{"R2", "1", "RECHARGE"}),
		},
		Numbers: map[string]int64{"dbo.serials_dch": 700},
	}
}

// change is one of a table: an insert where there is no row before, and so on.
func change(name, columns, before, after string) capture.Change {
	c := capture.Change{Op: capture.Update, Table: table(name, columns), Before: row(before), After: row(after)}
	switch {
	case c.Before == nil:
		c.Op = capture.Insert
	case c.After == nil:
		c.Op = capture.Delete
	}
	return c
}

// changeText is "insert rmtask(rq_ref, task_no) R1|2"; a * is behind what the row
// is found by.
func changeText(c capture.Change) string {
	var columns []string
	for _, column := range c.Table.Columns {
		name := column.Name
		if column.Key {
			name += "*"
		}
		columns = append(columns, name)
	}
	return c.Op.String() + " " + c.Table.Name + "(" + strings.Join(columns, ", ") + ") " + rowText(c.After)
}

// TestTriggers: what each trigger would have done, at each council.
func TestTriggers(t *testing.T) {
	for _, test := range []struct {
		name, council string
		change        capture.Change
		want          []string
		refused       string
		waits         bool
	}{
		{name: "a payment moves the balance", council: "Ashby", change: change("rtrans", "ref* tag_ref real_value", "", "1|000023/02|-7.50"),
			want: []string{"update tenagree(tag_ref*, cur_bal) 000023/02|-20.00"}},
		{name: "a payment waits while the debit run is on", council: "Ashby", change: change("rtrans", "ref* tag_ref real_value", "", "1|000024/01|-7.50"),
			refused: "debit-run: the rent group's debit run is on, and payments wait for its end", waits: true},
		{name: "a payment of nobody is refused", council: "Ashby", change: change("rtrans", "ref* tag_ref real_value", "", "1|999999/01|-7.50"),
			refused: "dbo.tenagree has 0 rows with the tag_ref that is referred to"},
		{name: "a payment that is corrected moves nothing", council: "Ashby", change: change("rtrans", "ref* tag_ref real_value", "1|000023/02|-7.50", "1|000023/02|-7.40")},

		{name: "a rechargeable repair gets one more task", council: "Ashby", change: change("rmreqst", "rq_ref* rechargeable", "R1|0", "R1|1"),
			want: []string{"insert rmtask(rq_ref, task_no, job_code, sup_ref) R1|5|RECHARGE|H01"}},
		{name: "for another supplier elsewhere", council: "Barley", change: change("rmreqst", "rq_ref* rechargeable", "", "R9|1"),
			want: []string{"insert rmtask(rq_ref, task_no, job_code, sup_ref) R9|1|RECHARGE|R77"}},
		{name: "but not a second one", council: "Ashby", change: change("rmreqst", "rq_ref* rechargeable", "R2|0", "R2|1")},
		{name: "and none where it is not rechargeable", council: "Ashby", change: change("rmreqst", "rq_ref* rechargeable", "R1|1", "R1|0")},

		{name: "an eviction date is noted in the diary, in the current set", council: "Ashby", change: change("eviction", "tag_ref* eviction_date", "", "000023/02|2024-03-01T00:00:00"),
			want: []string{"insert araction(tag_ref, action_set, action_no, action_code, action_balance, act_status, deferred_until) 000023/02|2|4|EVD|-12.50|001|1900-01-01T00:00:00"}},
		{name: "the first note of a set is number 1", council: "Ashby", change: change("eviction", "tag_ref* eviction_date", "", "000024/01|2024-03-01T00:00:00"),
			want: []string{"insert araction(tag_ref, action_set, action_no, action_code, action_balance, act_status, deferred_until) 000024/01|1|1|EVD|0.00|001|1900-01-01T00:00:00"}},
		{name: "a date that stays is not noted again", council: "Ashby", change: change("eviction", "tag_ref* eviction_date", "000023/02|2024-03-01T00:00:00", "000023/02|2024-03-01T00:00:00")},
		{name: "no date is no note", council: "Ashby", change: change("eviction", "tag_ref* eviction_date", "000023/02|2024-03-01T00:00:00", "000023/02|1900-01-01T00:00:00")},

		{name: "a quarterly agreement does not go live", council: "Ashby", change: change("araagr", agreements, "1|Q|DRAFT", "1|Q|LIVE"),
			refused: "quarterly-agreement: a quarterly agreement does not go live"},
		{name: "whatever its code is", council: "Barley", change: change("araagr", agreements, "", "1|4|LIVE"),
			refused: "quarterly-agreement: a quarterly agreement does not go live"},
		{name: "another one does", council: "Barley", change: change("araagr", agreements, "", "1|Q|LIVE")},

		{name: "a member is not deleted", council: "Ashby", change: change("member", "ref* name", "1|a", ""),
			refused: "keep-members: a member is not deleted"},

		{name: "a change goes to the history", council: "Ashby", change: change("property", properties, "1|7|a", "1|7|b"),
			want: []string{"insert propertydch(dchid, actionflag, prop_ref, level_code, address) 701|U|1|7|b"}},
		{name: "so does an insert, without what is not known", council: "Ashby", change: change("property", properties, "", "1|?|-"),
			want: []string{"insert propertydch(dchid, actionflag, prop_ref, address) 701|I|1|-"}},
		{name: "so does what is deleted", council: "Ashby", change: change("property", properties, "1|7|a", ""),
			want: []string{"insert propertydch(dchid, actionflag, prop_ref, level_code, address) 701|D|1|7|a"}},
		{name: "a council without history has none", council: "Barley", change: change("property", properties, "1|7|a", "1|7|b")},
	} {
		t.Run(test.council+": "+test.name, func(t *testing.T) {
			further, err := rulesOf(t, test.council).Emulate(t.Context(), []capture.Change{test.change}, onPremises())
			if err != nil || test.refused != "" {
				if err == nil || err.Error() != test.refused || capture.Retryable(err) != test.waits {
					t.Fatalf("%v (waits: %t)\nwant %s", err, capture.Retryable(err), test.refused)
				}
			}
			var got []string
			for _, c := range further {
				got = append(got, changeText(c))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// TestTogether: what one call makes builds on what it made before.
func TestTogether(t *testing.T) {
	changes := []capture.Change{
		change("rtrans", "ref* tag_ref real_value", "", "1|000023/02|-7.50"),
		change("eviction", "tag_ref* eviction_date", "", "000023/02|2024-03-01T00:00:00"),
		change("rtrans", "ref* tag_ref real_value", "", "2|000023/02|-1.00"),
		change("eviction", "tag_ref* eviction_date", "000023/02|2024-03-01T00:00:00", "000023/02|2024-04-01T00:00:00"),
		change("rmreqst", "rq_ref* rechargeable", "", "R9|1"),
		change("rmreqst", "rq_ref* rechargeable", "R9|1", "R9|1"),
	}
	further, err := rulesOf(t, "Ashby").Emulate(t.Context(), changes, onPremises())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range further {
		got = append(got, c.Table.Name+" "+rowText(c.After))
	}
	want := []string{
		"tenagree 000023/02|-20.00",
		"araction 000023/02|2|4|EVD|-20.00|001|1900-01-01T00:00:00",
		"tenagree 000023/02|-21.00",
		"araction 000023/02|2|5|EVD|-21.00|001|1900-01-01T00:00:00",
		"rmtask R9|1|RECHARGE|H01",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
