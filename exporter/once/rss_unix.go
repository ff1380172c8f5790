//go:build unix

package once

import (
	"os"
	"runtime"
	"syscall"
)

// mostResident is the most memory that a process held, in bytes: the kernel
// counts in kilobytes, Apple's in bytes.
func mostResident(state *os.ProcessState) uint64 {
	r, ok := state.SysUsage().(*syscall.Rusage)
	if !ok || r.Maxrss < 0 {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return uint64(r.Maxrss)
	}
	return uint64(r.Maxrss) << 10
}
