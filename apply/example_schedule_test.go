package apply_test

import (
	"fmt"
	"time"

	"github.com/syncback/syncback/apply"
)

func ExampleSchedule() {
	backup, err := apply.ParseBlackout("Tue 20:00-21:10")
	if err != nil {
		fmt.Println(err)
		return
	}
	s := apply.Schedule{
		Mode:      apply.Cron,
		Cron:      "*/15 20-23 * * 1-5", // on weekdays from eight to midnight
		Blackouts: []apply.Blackout{backup},
		Location:  time.UTC,
	}
	tuesday := time.Date(2026, 3, 3, 9, 0, 0, 0, time.UTC)
	opens := s.Opens(time.Time{}, tuesday)
	fmt.Println("opens", opens.Format("Mon 15:04"))
	fmt.Println("closes", s.Closes(opens).Format("Mon 15:04"))
	// Output:
	// opens Tue 21:10
	// closes Tue 20:00
}
