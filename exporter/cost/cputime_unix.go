//go:build unix

package cost

import (
	"syscall"
	"time"
)

// CPUTime is what this process has used of all cores.
func CPUTime() (time.Duration, bool) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, false
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), true
}
