package memory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Target says which processes are meant: one by id, those of a control group,
// or the owner of a listening TCP port; with all that they have started.
type Target struct {
	PID    int
	Cgroup string
	Port   int
}

// Known reports whether the target says anything.
func (t Target) Known() bool { return t.PID > 0 || t.Cgroup != "" || t.Port > 0 }

// Finder finds the processes of a target. The owner of a port is looked for
// again only when it has ended. Not safe for concurrent use.
type Finder struct {
	System System
	Target Target

	owner   int
	started uint64
	failed  int       // searches in a row that found no owner
	again   time.Time // before which none is looked for
}

// mostPause bounds the pause between searches for an owner that cannot be seen:
// a search looks at every open file of the machine.
const mostPause = time.Minute

// Processes is the target's process ids, sorted; empty where it does not run
// or cannot be seen.
func (f *Finder) Processes() []int {
	var roots []int
	switch {
	case f.Target.PID > 0:
		roots = []int{f.Target.PID}
	case f.Target.Cgroup != "":
		return f.System.members(f.Target.Cgroup)
	case f.Target.Port > 0:
		if pid := f.ofPort(); pid > 0 {
			roots = []int{pid}
		}
	}
	return f.System.Tree(roots...)
}

func (f *Finder) ofPort() int {
	if f.owner > 0 {
		if p, err := f.System.Process(f.owner); err == nil && p.Started == f.started {
			return f.owner
		}
	}
	f.owner = 0
	now := time.Now()
	if now.Before(f.again) {
		return 0
	}
	pid := f.System.owner(f.Target.Port)
	p, err := f.System.Process(pid)
	if err != nil {
		f.failed++
		f.again = now.Add(min(mostPause, time.Second<<min(f.failed, 6)))
		return 0
	}
	f.owner, f.started, f.failed = pid, p.Started, 0
	return pid
}

// Process is what /proc says of a process.
type Process struct {
	PID        int
	Parent     int
	Started    uint64  // clock ticks after the machine's start
	CPUSeconds float64 // of all cores, with children that have ended
	Resident   uint64  // bytes
}

// ticksPerSecond is USER_HZ, which Linux fixes for user space.
const ticksPerSecond = 100

// Process reads one process.
func (s System) Process(pid int) (Process, error) {
	if pid <= 0 {
		return Process{}, fmt.Errorf("process %d: %w", pid, os.ErrNotExist)
	}
	b, err := readSmall(s.path("proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Process{}, err
	}
	return parseStat(pid, b)
}

// parseStat reads /proc/PID/stat. The name in it may hold anything, spaces and
// parentheses too: what follows its last parenthesis is read.
func parseStat(pid int, b []byte) (Process, error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return Process{}, fmt.Errorf("process %d: stat without a name", pid)
	}
	fields := strings.Fields(string(b[end+1:]))
	if len(fields) < 22 {
		return Process{}, fmt.Errorf("process %d: stat of %d fields", pid, len(fields))
	}
	n := func(field int) uint64 { // numbered as in proc(5), from 1
		v, _ := strconv.ParseUint(fields[field-3], 10, 64) // 0 where it is no number
		return v
	}
	return Process{PID: pid, Parent: int(n(4)), Started: n(22), CPUSeconds: float64(n(14)+n(15)+n(16)+n(17)) / ticksPerSecond,
		Resident: n(24) * uint64(os.Getpagesize())}, nil
}

// maxProcesses bounds a target: a fork bomb must not become ours.
const maxProcesses = 4096

// Tree is processes with all that they have started, sorted.
func (s System) Tree(roots ...int) []int {
	seen := map[int]bool{}
	queue := slices.Clone(roots)
	for len(queue) > 0 && len(seen) < maxProcesses {
		pid := queue[0]
		queue = queue[1:]
		if seen[pid] || !s.exists("proc", strconv.Itoa(pid), "stat") {
			continue
		}
		seen[pid] = true
		files, _ := filepath.Glob(s.path("proc", strconv.Itoa(pid), "task", "*", "children"))
		for _, file := range files {
			b, _ := readSmall(file) // the thread has ended: it has none
			for child := range strings.FieldsSeq(string(b)) {
				if n, err := strconv.Atoi(child); err == nil {
					queue = append(queue, n)
				}
			}
		}
	}
	out := make([]int, 0, len(seen))
	for pid := range seen {
		out = append(out, pid)
	}
	slices.Sort(out)
	return out
}

// members is the processes of a control group and of the groups below it.
func (s System) members(path string) []int {
	base := s.path(top)
	if s.exists(top, version1, "memory.usage_in_bytes") {
		base = s.path(top, version1)
	}
	var out []int
	_ = filepath.WalkDir(filepath.Join(base, path), func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "cgroup.procs" || len(out) >= maxProcesses {
			return nil // what cannot be read has no members that we can see
		}
		b, _ := readSmall(p)
		for pid := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(pid); err == nil && n > 0 {
				out = append(out, n)
			}
		}
		return nil
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// owner is the process that listens on a TCP port; 0 where none is seen.
func (s System) owner(port int) int {
	inodes := map[string]bool{}
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(s.path("proc/net", name))
		if err != nil {
			continue
		}
		for sc := bufio.NewScanner(f); sc.Scan(); {
			if inode, ok := listener(sc.Text(), port); ok {
				inodes["socket:["+inode+"]"] = true
			}
		}
		f.Close()
	}
	if len(inodes) == 0 {
		return 0
	}
	links, _ := filepath.Glob(s.path("proc", "[0-9]*", "fd", "*"))
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && inodes[to] {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link))))
			return pid
		}
	}
	return 0
}

// listener reads a line of /proc/net/tcp: the inode of a socket that listens
// (state 0A) on the port.
func listener(line string, port int) (inode string, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != "0A" {
		return "", false
	}
	_, hex, ok := strings.Cut(f[1], ":")
	if !ok {
		return "", false
	}
	n, err := strconv.ParseUint(hex, 16, 16)
	return f[9], err == nil && int(n) == port
}

// Sum adds up processes; those that end meanwhile are left out.
func (s System) Sum(pids []int) (sum Process) {
	for _, pid := range pids {
		if p, err := s.Process(pid); err == nil {
			sum.CPUSeconds += p.CPUSeconds
			sum.Resident += p.Resident
		}
	}
	return sum
}

// Booted is when the machine started; zero where it is not known.
func (s System) Booted() time.Time {
	seconds := table(s.path("proc/stat"))["btime"]
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// Began is when a process started; zero where it is not known.
func (s System) Began(pid int) time.Time {
	p, err := s.Process(pid)
	booted := s.Booted()
	if err != nil || booted.IsZero() {
		return time.Time{}
	}
	return booted.Add(time.Duration(p.Started) * time.Second / ticksPerSecond)
}
