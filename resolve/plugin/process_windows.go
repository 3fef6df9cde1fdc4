package plugin

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup keeps the signals of the host's console from the plugin: the host
// ends it when the last transaction is done.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup ends the plugin; Windows has no signal to a group.
func killGroup(p *os.Process) error {
	if err := p.Kill(); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
