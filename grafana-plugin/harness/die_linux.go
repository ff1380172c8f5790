package harness

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends a child when the test's process ends, however it ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
