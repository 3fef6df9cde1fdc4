package plugin

import (
	"context"
	"os"
	"time"
)

// Process returns the plugin's process, and waits until there is one.
func (p *Plugin) Process(ctx context.Context) *os.Process {
	for ctx.Err() == nil {
		if i, err := p.host.current(); err == nil {
			return i.process.cmd.Process
		}
		time.Sleep(time.Millisecond)
	}
	return nil
}

// Gone reports whether the plugin's process pid was seen to have ended.
func (p *Plugin) Gone(pid int) bool {
	i, err := p.host.current()
	return err != nil || i.process.cmd.Process.Pid != pid
}

// Pid returns the number of the plugin's process.
func Pid(p *Plugin) int { return p.Process(context.Background()).Pid }
