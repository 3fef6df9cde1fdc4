package apply

import (
	"strings"
	"testing"
	"time"
)

// Clocks in London: 2026-03-29 skips 01:00 to 02:00, 2026-10-25 has 01:00 to
// 02:00 twice.
func london(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// at reads "2026-03-29 00:30 +0000".
func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04 -0700", s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustBlackouts(t testing.TB, texts ...string) []Blackout {
	t.Helper()
	var all []Blackout
	for _, text := range texts {
		b, err := ParseBlackout(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// TestBlackouts says when a blackout that is in force ends, or the next begins.
func TestBlackouts(t *testing.T) {
	for _, c := range []struct{ name, blackouts, now, opens, closes string }{
		// 2026-03-02 is a Monday.
		{"daily, before", "06:00-10:00", "2026-03-02 05:59 +0000", "2026-03-02 05:59 +0000", "2026-03-02 06:00 +0000"},
		{"daily, at its start", "06:00-10:00", "2026-03-02 06:00 +0000", "2026-03-02 10:00 +0000", "2026-03-02 06:00 +0000"},
		{"daily, at its end", "06:00-10:00", "2026-03-02 10:00 +0000", "2026-03-02 10:00 +0000", "2026-03-03 06:00 +0000"},
		{"nightly, before midnight", "22:00-06:00", "2026-03-02 23:00 +0000", "2026-03-03 06:00 +0000", "2026-03-02 23:00 +0000"},
		{"nightly, after midnight", "22:00-06:00", "2026-03-02 01:00 +0000", "2026-03-02 06:00 +0000", "2026-03-02 01:00 +0000"},
		{"one day", "Sat 06:00-10:00", "2026-03-07 07:00 +0000", "2026-03-07 10:00 +0000", "2026-03-07 07:00 +0000"},
		{"one day, a week away", "sat 06:00 - 10:00", "2026-03-07 10:00 +0000", "2026-03-07 10:00 +0000", "2026-03-14 06:00 +0000"},
		{"days", "Mon-Fri 08:00-18:00", "2026-03-06 17:00 +0000", "2026-03-06 18:00 +0000", "2026-03-06 17:00 +0000"},
		{"days, at the weekend", "Monday-Friday 08:00-18:00", "2026-03-06 18:00 +0000", "2026-03-06 18:00 +0000", "2026-03-09 08:00 +0000"},
		{"days over the week's end", "Fri-Mon 8:00-18:00", "2026-03-08 12:00 +0000", "2026-03-08 18:00 +0000", "2026-03-08 12:00 +0000"},
		{"days and nights", "Mon-Fri 22:00-06:00", "2026-03-07 05:00 +0000", "2026-03-07 06:00 +0000", "2026-03-07 05:00 +0000"},
		{"from day to day", "Sat 22:00-Sun 06:00", "2026-03-08 01:00 +0000", "2026-03-08 06:00 +0000", "2026-03-08 01:00 +0000"},
		{"from day to day, between", "Sat 22:00-Sun 06:00", "2026-03-08 06:00 +0000", "2026-03-08 06:00 +0000", "2026-03-14 22:00 +0000"},
		{"a long weekend", "Fri 18:00-Mon 08:00", "2026-03-08 12:00 +0000", "2026-03-09 08:00 +0000", "2026-03-08 12:00 +0000"},
		{"a whole day", "Sun 00:00-24:00", "2026-03-08 12:00 +0000", "2026-03-09 00:00 +0000", "2026-03-08 12:00 +0000"},
		{"dates", "2026-12-24 00:00-2026-12-27 00:00", "2026-12-25 12:00 +0000", "2026-12-27 00:00 +0000", "2026-12-25 12:00 +0000"},
		{"dates, far away", "2036-12-24 00:00-2036-12-27 00:00", "2026-03-02 12:00 +0000", "2026-03-02 12:00 +0000", "2036-12-24 00:00 +0000"},
		{"dates, past", "2025-12-24 00:00-2025-12-27 00:00", "2026-03-02 12:00 +0000", "2026-03-02 12:00 +0000", ""},
		{"one date", "2026-12-24 18:00-20:00", "2026-12-24 19:00 +0000", "2026-12-24 20:00 +0000", "2026-12-24 19:00 +0000"},
		{"one after the other", "06:00-10:00;09:00-12:00;12:00-13:00", "2026-03-02 06:30 +0000", "2026-03-02 13:00 +0000", "2026-03-02 06:30 +0000"},
		{"none", "", "2026-03-02 06:30 +0000", "2026-03-02 06:30 +0000", ""},

		{"summer begins before its end", "00:30-03:00", "2026-03-29 00:45 +0000", "2026-03-29 03:00 +0100", "2026-03-29 00:45 +0000"},
		{"summer begins before it", "06:00-10:00", "2026-03-29 00:45 +0000", "2026-03-29 00:45 +0000", "2026-03-29 06:00 +0100"},
		{"its start is skipped", "01:30-03:00", "2026-03-29 00:45 +0000", "2026-03-29 00:45 +0000", "2026-03-29 02:00 +0100"},
		{"its end is skipped", "00:30-01:30", "2026-03-29 00:45 +0000", "2026-03-29 02:00 +0100", "2026-03-29 00:45 +0000"},
		{"all of it is skipped", "01:10-01:50", "2026-03-29 00:45 +0000", "2026-03-29 00:45 +0000", "2026-03-30 01:10 +0100"},
		{"summer ends in it", "00:30-03:00", "2026-10-25 00:45 +0100", "2026-10-25 03:00 +0000", "2026-10-25 00:45 +0100"},
		{"its end comes twice", "00:30-01:30", "2026-10-25 00:45 +0100", "2026-10-25 01:30 +0100", "2026-10-25 00:45 +0100"},
		{"and it begins anew", "00:30-01:30", "2026-10-25 01:30 +0100", "2026-10-25 01:30 +0100", "2026-10-25 01:00 +0000"},
		{"its start comes twice", "01:30-03:00", "2026-10-25 01:45 +0100", "2026-10-25 01:00 +0000", "2026-10-25 01:45 +0100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Schedule{Location: london(t)}
			if c.blackouts != "" {
				s.Blackouts = mustBlackouts(t, strings.Split(c.blackouts, ";")...)
			}
			now := at(t, c.now)
			if got := s.Opens(time.Time{}, now); !got.Equal(at(t, c.opens)) {
				t.Errorf("it opens at %s, not at %s", got, c.opens)
			}
			switch got := s.Closes(now); {
			case c.closes == "" && !got.IsZero():
				t.Errorf("it closes at %s, and should not", got)
			case c.closes != "" && !got.Equal(at(t, c.closes)):
				t.Errorf("it closes at %s, not at %s", got, c.closes)
			}
		})
	}
}

// TestTurnsMinuteByMinute compares what is computed with a walk over a year.
func TestTurnsMinuteByMinute(t *testing.T) {
	s := Schedule{Location: london(t), Blackouts: mustBlackouts(t,
		"Sat 22:00-Sun 01:30", "01:15-01:45", "Mon-Fri 23:30-00:30", "2026-12-24 00:00-2026-12-27 12:00")}
	now := at(t, "2026-01-01 00:00 +0000").In(s.Location)
	turn := s.turn(now)
	for range 366 * minutesADay {
		next := now.Add(time.Minute)
		if turned := s.blackedOut(next) != s.blackedOut(now); turned != next.Equal(turn) {
			t.Fatalf("at %s turned is %t, and the turn was computed as %s", next, turned, turn)
		}
		if next.Equal(turn) {
			turn = s.turn(next)
		}
		now = next
	}
}

func TestOpens(t *testing.T) {
	for _, c := range []struct {
		name            string
		mode            Mode
		cron            string
		blackout        string
		last, now, want string
	}{
		{"every, at first", Every, "", "", "", "2026-03-02 12:00 +0000", "2026-03-02 12:00 +0000"},
		{"every, later", Every, "", "", "2026-03-02 12:00 +0000", "2026-03-02 12:10 +0000", "2026-03-02 12:15 +0000"},
		{"every, late", Every, "", "", "2026-03-02 12:00 +0000", "2026-03-02 13:10 +0000", "2026-03-02 13:10 +0000"},
		{"every, in a blackout", Every, "", "12:10-13:05", "2026-03-02 12:00 +0000", "2026-03-02 12:05 +0000", "2026-03-02 13:05 +0000"},
		{"manual", Manual, "", "", "", "2026-03-02 12:00 +0000", ""},
		{"cron", Cron, "*/15 20-23 * * 1-5", "", "", "2026-03-02 12:00 +0000", "2026-03-02 20:00 +0000"},
		{"cron, next", Cron, "*/15 20-23 * * 1-5", "", "2026-03-02 20:00 +0000", "2026-03-02 20:01 +0000", "2026-03-02 20:15 +0000"},
		{"cron, over the weekend", Cron, "*/15 20-23 * * 1-5", "", "2026-03-06 23:45 +0000", "2026-03-06 23:46 +0000", "2026-03-09 20:00 +0000"},
		{"cron, in a blackout", Cron, "0 2 * * *", "01:00-05:00", "2026-03-02 02:00 +0000", "2026-03-02 12:00 +0000", "2026-03-03 05:00 +0000"},
		{"cron, in summer", Cron, "0 20 * * *", "", "", "2026-07-02 12:00 +0000", "2026-07-02 20:00 +0100"},
		{"cron, across the change", Cron, "0 20 * * *", "", "", "2026-03-28 21:00 +0000", "2026-03-29 20:00 +0100"},
		{"cron, across the other change", Cron, "0 20 * * *", "", "", "2026-10-24 21:00 +0100", "2026-10-25 20:00 +0000"},
		{"cron, skipped", Cron, "30 1 * * *", "", "2026-03-28 01:30 +0000", "2026-03-28 12:00 +0000", "2026-03-29 02:00 +0100"},
		{"cron, after the skip", Cron, "30 1 * * *", "", "2026-03-29 02:00 +0100", "2026-03-29 02:00 +0100", "2026-03-30 01:30 +0100"},
		{"cron, at the end of the skip", Cron, "0 2 * * *", "", "2026-03-28 02:00 +0000", "2026-03-28 12:00 +0000", "2026-03-29 02:00 +0100"},
		{"cron, the first of two", Cron, "30 1 * * *", "", "2026-10-24 01:30 +0100", "2026-10-24 12:00 +0100", "2026-10-25 01:30 +0100"},
		{"cron, the second of two", Cron, "30 1 * * *", "", "2026-10-25 01:30 +0100", "2026-10-25 01:31 +0100", "2026-10-25 01:30 +0000"},
		{"cron, in four years", Cron, "0 0 29 2 *", "", "", "2026-03-02 12:00 +0000", "2028-02-29 00:00 +0000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := Schedule{Mode: c.mode, Every: 15 * time.Minute, Cron: c.cron, Location: london(t)}
			if c.blackout != "" {
				s.Blackouts = mustBlackouts(t, c.blackout)
			}
			if err := s.Validate(); err != nil {
				t.Fatal(err)
			}
			var last, want time.Time
			if c.last != "" {
				last = at(t, c.last)
			}
			if c.want != "" {
				want = at(t, c.want)
			}
			if got := s.Opens(last, at(t, c.now)); !got.Equal(want) {
				t.Errorf("it opens at %s, not at %s", got, want)
			}
		})
	}
}

func TestBadBlackouts(t *testing.T) {
	for text, why := range map[string]string{
		"":                                  "known forms",
		"Sat":                               "known forms",
		"06:00":                             "known forms",
		"06:00-10:00 Sat":                   "known forms",
		"6-10":                              "known forms",
		"Sam 06:00-10:00":                   `"Sam"`,
		"Sat-Sum 06:00-10:00":               `"Sum"`,
		"Sat 06:00-Sum 10:00":               `"Sum"`,
		"25:00-26:00":                       "25:00",
		"06:00-06:60":                       "06:60",
		"24:30-06:00":                       "24:30",
		"06:00-06:00":                       "same time",
		"Sat 22:00-Sat 06:00":               "ends before",
		"06:00-Sat 10:00":                   "before the start",
		"Sat-Sun 06:00-Mon 10:00":           "before the start",
		"2026-02-30 06:00-10:00":            "2026-02-30",
		"2026-12-27 00:00-2026-12-24 00:00": "ends before",
		"2026-12-24 00:00-Sat 00:00":        "do not mix",
		"Sat 00:00-2026-12-24 00:00":        "do not mix",
		"2026-12-24-Sat 00:00-10:00":        "do not mix",
	} {
		_, err := ParseBlackout(text)
		if err == nil {
			t.Errorf("%q was accepted", text)
			continue
		}
		for _, part := range []string{why, `"` + text + `"`, "Sat 06:00-10:00"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error of %q does not say %q: %v", text, part, err)
			}
		}
	}
}

func TestModeNames(t *testing.T) {
	for mode, want := range map[Mode]string{Continuous: "continuous", Every: "every", Cron: "cron", Manual: "manual", 9: "invalid"} {
		if got := mode.String(); got != want {
			t.Errorf("mode %d is %q, not %q", mode, got, want)
		}
	}
}

func TestBadSchedules(t *testing.T) {
	for name, s := range map[string]Schedule{
		"no interval":        {Mode: Every},
		"negative":           {Mode: Every, Every: -time.Second},
		"no cron":            {Mode: Cron},
		"bad cron":           {Mode: Cron, Cron: "61 * * * *"},
		"six fields":         {Mode: Cron, Cron: "0 0 * * * *"},
		"a name":             {Mode: Cron, Cron: "@daily"},
		"a zone":             {Mode: Cron, Cron: "TZ=UTC 0 0 * * *"},
		"a zone and no more": {Mode: Cron, Cron: "CRON_TZ=UTC"},
		"never":              {Mode: Cron, Cron: "0 0 30 2 *"},
		"no such mode":       {Mode: 9},
		"always blacked out": {Blackouts: mustBlackouts(t, "06:00-24:00", "00:00-07:00")},
	} {
		if err := s.Validate(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func FuzzParseBlackout(f *testing.F) {
	for _, s := range []string{"06:00-10:00", "Mon-Fri 08:00-18:00", "Sat 22:00-Sun 06:00", "2026-12-24 00:00-2026-12-27 00:00"} {
		f.Add(s)
	}
	now := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		b, err := ParseBlackout(text)
		if err != nil {
			return
		}
		s := Schedule{Blackouts: []Blackout{b}, Location: time.UTC}
		if again, err := ParseBlackout(b.String()); err != nil || again.String() != b.String() {
			t.Errorf("%q does not survive String: %v", text, err)
		}
		if opens := s.Opens(time.Time{}, now); s.Validate() == nil && s.blackedOut(opens) {
			t.Errorf("%q opens in a blackout", text)
		}
	})
}
