package queue_test

import (
	"path/filepath"
	"testing"

	"github.com/syncback/syncback/queue"
	"github.com/syncback/syncback/queue/queuetest"
)

func TestDiskConforms(t *testing.T) {
	for name, cfg := range map[string]queue.Config{
		"defaults":      {},
		"keeps nothing": {KeepFor: -1},
		"sealed":        {Key: keyA},
		"small files":   queue.SmallFiles(queue.Config{KeepFor: -1}, 128<<10),
	} {
		t.Run(name, func(t *testing.T) {
			queuetest.Run(t, func(t testing.TB) queuetest.Harness {
				cfg := cfg
				cfg.Dir = filepath.Join(t.TempDir(), "queue")
				return queuetest.Harness{Open: func(t testing.TB) queue.Queue {
					q, err := queue.Open(cfg)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { q.Close() })
					return q
				}}
			})
		})
	}
}
