//go:build unix && !linux

package child

import (
	"os/exec"
	"syscall"
)

// dieWithParent: without the kernel's help the child ends when its socket
// closes, which gnomon's death does too.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
