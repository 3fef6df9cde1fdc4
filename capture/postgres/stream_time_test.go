package postgres

import (
	"testing"
	"time"
)

// TestASourceIsAskedBeforeItIsGivenUp: whatever the timeouts, a server that has
// said nothing is asked to answer, and has time to, before it is taken for gone.
func TestASourceIsAskedBeforeItIsGivenUp(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Second, time.Minute, time.Hour} {
		for _, silence := range []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second, time.Minute} {
			s := newStream(nil, tableNames{}, timeout, silence)
			// A round passes before it is asked, and one more before anyone looks.
			if s.every <= 0 || 2*s.every >= s.silence {
				t.Errorf("wal_sender_timeout %s, AnswerTimeout %s: a round is %s, and silence %s", timeout, silence, s.every, s.silence)
			}
		}
	}
}
