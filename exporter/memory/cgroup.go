package memory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ErrAbsent: there is no such control group, or it has no memory controller.
var ErrAbsent = errors.New("no memory control group")

// Reading is the state of one control group.
type Reading struct {
	Usage  uint64            // all that is charged to it, in bytes
	Used   uint64            // without file pages that can be dropped at once, as the kubelet counts
	Limit  uint64            // the lowest of it and of the groups above it; the machine's memory where none has one
	Events map[string]uint64 // since it was made: high, max, oom, oom_kill, where the kernel counts them
	// Stalled is how long some or all tasks waited for memory, in seconds;
	// absent where the kernel does not say (PSI).
	Stalled map[string]float64
}

// System is the files of one machine.
type System struct{ Root string }

func (s System) path(parts ...string) string {
	return filepath.Join(append([]string{s.Root}, parts...)...)
}

// version1 and version2 are where the hierarchies are mounted: with the unified
// one alone at the top, or in a folder of its own beside those of version 1.
const (
	top      = "sys/fs/cgroup"
	version1 = "memory"
	unified  = "unified"
)

// CgroupOf is the path of a process's control group in the hierarchy that has
// its memory, below the mount.
func (s System) CgroupOf(pid int) (string, error) {
	who := "self"
	if pid > 0 {
		who = strconv.Itoa(pid)
	}
	b, err := os.ReadFile(s.path("proc", who, "cgroup"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	v2, found := "", false
	for line := range strings.SplitSeq(string(b), "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 {
			continue
		}
		for c := range strings.SplitSeq(parts[1], ",") {
			if c == version1 {
				return parts[2], nil
			}
		}
		if parts[0] == "0" {
			v2, found = parts[2], true
		}
	}
	if !found {
		return "", ErrAbsent
	}
	return v2, nil
}

// Cgroup reads a control group by its path. A path that is not there is looked
// for at the mount's top: inside of a container the mount is its own group.
func (s System) Cgroup(path string) (Reading, error) {
	v1 := s.exists(top, version1, "memory.usage_in_bytes")
	base := s.path(top)
	if v1 {
		base = s.path(top, version1)
	}
	usage := map[bool]string{true: "memory.usage_in_bytes", false: "memory.current"}[v1]
	dir := filepath.Join(base, path)
	if _, err := os.Stat(filepath.Join(dir, usage)); err != nil {
		dir = base
	}
	if v1 {
		return s.readV1(base, dir)
	}
	return s.readV2(base, dir)
}

func (s System) exists(parts ...string) bool {
	_, err := os.Stat(s.path(parts...))
	return err == nil
}

func (s System) readV2(base, dir string) (Reading, error) {
	usage, err := number(filepath.Join(dir, "memory.current"))
	if err != nil {
		return Reading{}, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	r := Reading{Usage: usage, Events: map[string]uint64{}}
	stat := table(filepath.Join(dir, "memory.stat"))
	r.Used = usage - min(usage, stat["inactive_file"])
	for k, v := range table(filepath.Join(dir, "memory.events")) {
		switch k {
		case "high", "max", "oom", "oom_kill":
			r.Events[k] = v
		}
	}
	r.Stalled = pressure(filepath.Join(dir, "memory.pressure"))
	r.Limit = s.limit(base, dir, "memory.max")
	return r, nil
}

func (s System) readV1(base, dir string) (Reading, error) {
	usage, err := number(filepath.Join(dir, "memory.usage_in_bytes"))
	if err != nil {
		return Reading{}, fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	r := Reading{Usage: usage, Events: map[string]uint64{}}
	stat := table(filepath.Join(dir, "memory.stat"))
	r.Used = usage - min(usage, stat["total_inactive_file"])
	if n, err := number(filepath.Join(dir, "memory.failcnt")); err == nil {
		r.Events["max"] = n
	}
	if n, ok := table(filepath.Join(dir, "memory.oom_control"))["oom_kill"]; ok {
		r.Events["oom_kill"] = n
	}
	// Version 1 counts no stalls of a group: the machine's are given.
	r.Stalled = pressure(s.path("proc/pressure/memory"))
	r.Limit = s.limit(base, dir, "memory.limit_in_bytes")
	return r, nil
}

// limit is the lowest limit from a group up to the mount's top.
func (s System) limit(base, dir, name string) uint64 {
	limit := uint64(math.MaxUint64)
	for {
		if v, err := number(filepath.Join(dir, name)); err == nil {
			limit = min(limit, v)
		}
		if dir == base || len(dir) <= len(base) {
			break
		}
		dir = filepath.Dir(dir)
	}
	if all := s.machine(); all > 0 {
		limit = min(limit, all)
	}
	return limit
}

// machine is the memory of the machine in bytes; 0 where it is not known.
func (s System) machine() uint64 {
	b, err := os.ReadFile(s.path("proc/meminfo"))
	if err != nil {
		return 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
			n, _ := strconv.ParseUint(f[1], 10, 64) // 0 where it is no number
			return n << 10
		}
	}
	return 0
}

// number reads a file of one number; "max" is the largest.
func number(path string) (uint64, error) {
	b, err := readSmall(path)
	if err != nil {
		return 0, err
	}
	text := strings.TrimSpace(string(b))
	if text == "max" {
		return math.MaxUint64, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %q is no number", path, text)
	}
	return n, nil
}

// table reads lines of a name and a number; others are passed over.
func table(path string) map[string]uint64 {
	out := map[string]uint64{}
	b, err := readSmall(path)
	if err != nil {
		return out
	}
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		if name, value, ok := strings.Cut(sc.Text(), " "); ok {
			if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil {
				out[name] = n
			}
		}
	}
	return out
}

// pressure reads the totals of a PSI file: seconds by some and full.
func pressure(path string) map[string]float64 {
	b, err := readSmall(path)
	if err != nil {
		return nil
	}
	out := map[string]float64{}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "some" && f[0] != "full" {
			continue
		}
		if us, ok := strings.CutPrefix(f[len(f)-1], "total="); ok {
			if n, err := strconv.ParseUint(us, 10, 64); err == nil {
				out[f[0]] = float64(n) / 1e6
			}
		}
	}
	return out
}

// smallFile is more than any of these files is long.
const smallFile = 1 << 20

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, 0, 4096)
	for len(b) < smallFile {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil || n == 0 {
			return b, ignoreEOF(err)
		}
	}
	return b, fmt.Errorf("%s: %w", path, fs.ErrInvalid)
}
