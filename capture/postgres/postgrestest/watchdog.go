//go:build unix

package postgrestest

import (
	"io"
	"os/exec"
	"syscall"
)

// guard waits for the end of its input, which is that of the process that
// started it, however that ends. Then it ends the server and removes its
// folder.
const guard = `
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
	kill -QUIT "$pid" 2>/dev/null
	n=0
	while kill -0 "$pid" 2>/dev/null; do
		n=$((n + 1))
		[ $n -eq 100 ] && kill -KILL "$pid"
		sleep 0.1
	done
fi
rm -rf "$1"
`

// watchdog is the process that runs guard.
type watchdog struct {
	cmd   *exec.Cmd
	input io.WriteCloser
}

func startWatchdog(dir string) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", "-c", guard, "postgrestest-watchdog", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &watchdog{cmd: cmd, input: input}, nil
}

// stop lets the watchdog end by the way that it goes anyhow: what it removes is
// gone by then.
func (w *watchdog) stop() {
	_ = w.input.Close()
	_ = w.cmd.Wait()
}
