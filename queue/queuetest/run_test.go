package queuetest

import (
	"testing"

	"github.com/syncback/syncback/queue"
)

func memory(testing.TB) Harness {
	m := NewMemory()
	opened := false
	return Harness{Open: func(testing.TB) queue.Queue {
		if opened {
			m.Reopen()
		}
		opened = true
		return m
	}}
}

func TestMemory(t *testing.T) { Run(t, memory) }
