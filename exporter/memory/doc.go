// Package memory watches how close the model server, gnomon and its shadows are
// to running out of memory: what their control groups (version 1 and 2) use and
// may use, what the kernel has killed in them, how long tasks stood still for
// want of memory, how fast memory grows and when it will reach the limit at
// that pace.
//
// Everything is read from /proc and /sys/fs/cgroup below a root, so that tests
// read recorded trees. Where a file is not there (another system, no rights, a
// container that sees only itself), its series are absent.
package memory
