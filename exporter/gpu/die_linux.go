package gpu

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end the worker when gnomon ends, however it
// does. The worker has a process group of its own: Ctrl-C reaches gnomon alone.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
