package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends a child with gnomon, however gnomon ends.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
