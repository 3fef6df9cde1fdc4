package plugin

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// process is the plugin's operating system process, as go-plugin runs it (its
// runner.Runner). It has a process group of its own, an empty environment but
// for the handshake, and nothing of the host's input and output.
type process struct {
	cmd    *exec.Cmd
	stdout *greeting
	exited chan struct{} // closed when the process has ended and its output was read
	ending sync.Mutex    // of ended, and of what is done to a process that has not
	ended  bool
	killed bool // it is not started any more
}

// newProcess prepares a process. go-plugin adds its part of the environment.
func newProcess(path string, stdout *greeting, stderr io.Writer) (*process, error) {
	path, err := filepath.Abs(path) // else a path of one word would be looked for in PATH
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = time.Second // for its output, which children of its own may hold open
	ownGroup(cmd)
	_, err = cmd.StdinPipe() // it ends when the host is gone, by which the plugin knows
	return &process{cmd: cmd, stdout: stdout, exited: make(chan struct{})}, err
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	p.ending.Lock()
	defer p.ending.Unlock()
	err := context.Canceled
	if !p.killed {
		err = p.cmd.Start()
	}
	if err != nil {
		p.end()
		return err
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is in the ProcessState
		p.ending.Lock()
		defer p.ending.Unlock()
		p.end()
	}()
	return nil
}

func (p *process) end() {
	p.ended = true
	p.stdout.end()
	close(p.exited)
}

// Kill implements runner.Runner. Children that stayed in the plugin's group end
// with it.
func (p *process) Kill(context.Context) error {
	p.ending.Lock()
	defer p.ending.Unlock()
	p.killed = true
	if p.ended || p.cmd.Process == nil {
		return nil
	}
	return killGroup(p.cmd.Process)
}

// Wait implements runner.Runner.
func (p *process) Wait(context.Context) error {
	<-p.exited
	if state := p.cmd.ProcessState; state == nil || !state.Success() {
		return errors.New("the plugin ended with " + p.status())
	}
	return nil
}

// started reports whether there was ever a process.
func (p *process) started() bool {
	p.ending.Lock()
	defer p.ending.Unlock()
	return p.cmd.Process != nil
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// status says how a process that has ended did: "exit status 2".
func (p *process) status() string {
	if p.cmd.ProcessState == nil {
		return "no status"
	}
	return p.cmd.ProcessState.String()
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return p.stdout.forGoPlugin }

// Stderr implements runner.Runner. What the plugin writes there is not left to
// go-plugin, which would quote it.
func (p *process) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Path }

// ID implements runner.Runner.
func (p *process) ID() string {
	if p.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// Diagnose implements runner.Runner. What is wrong is told from the greeting.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost implements runner.Runner.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
