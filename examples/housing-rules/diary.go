package main

import (
	"context"
	"fmt"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// never is the date on premises that stands for none.
const never = "1900-01-01T00:00:00"

// evictionDiary writes the note that an eviction has a date into the tenancy's
// action diary. Notes are numbered within the tenancy's current set, and say what
// the balance was.
func evictionDiary(ctx context.Context, c capture.Change, p *premises) error {
	if c.Op == capture.Delete {
		return nil
	}
	date := value(c, c.After, "eviction_date")
	if date == "" || date == never || date == value(c, c.Before, "eviction_date") {
		return nil
	}
	return diaryNote(ctx, p, value(c, c.After, "tag_ref"), "EVD")
}

// diary: no note is written over another. One that the cloud numbered as the system
// on premises numbered its own is written again, by a person, under the next number:
// rows of other systems may refer to the one that it has.
func diary() resolve.Resolver {
	taken := resolve.Parked("diary-number: another note has that number; write this one again under the next")
	return resolve.First(
		resolve.ByKind(map[resolve.Kind]resolve.Resolver{resolve.InsertExists: taken, resolve.Unique: taken}),
		resolve.Parked("diary: a person must look at it"),
	)
}

// diaryNote makes the next note of a tenancy's diary.
func diaryNote(ctx context.Context, p *premises, ref, code string) error {
	tenancy, err := p.one(ctx, "dbo.tenagree", "tag_ref", ref, "cur_bal", "action_set")
	if err != nil {
		return err
	}
	set := tenancy["action_set"]
	notes, err := p.all(ctx, "dbo.araction", append(where("tag_ref", ref), where("action_set", set)...), "action_no")
	if err != nil {
		return err
	}
	last := 0
	for _, note := range notes {
		n, err := number(note["action_no"])
		if err != nil {
			return err
		}
		last = max(last, n)
	}
	p.insert("araction",
		"tag_ref", ref, "action_set", set, "action_no", fmt.Sprint(last+1), "action_code", code,
		"action_balance", tenancy["cur_bal"], "act_status", "001", "deferred_until", never,
	)
	return nil
}
