package child

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel kill the child when gnomon dies, however it
// does. The child has a process group of its own, so that Ctrl-C reaches
// gnomon alone, which then ends it in order.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
