package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow/onnx"
)

// built builds gnomon once for the tests that need its child processes.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "gnomon-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "gnomon")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

func gnomon(t testing.TB) string {
	t.Helper()
	if _, err := onnx.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func library(t *testing.T) string {
	t.Helper()
	path, err := onnx.FindLibrary("")
	if err != nil {
		t.Skip(err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func children(t *testing.T, parent int) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var out []int
	for _, d := range dirs {
		b, err := os.ReadFile(d)
		if err != nil {
			continue // it has ended
		}
		var pid, ppid int
		rest := string(b[bytes.LastIndexByte(b, ')')+1:])
		_, _ = fmt.Sscan(string(b), &pid)
		_, _ = fmt.Sscanf(rest, " %s %d", new(string), &ppid)
		if ppid == parent {
			out = append(out, pid)
		}
	}
	return out
}

func commandLine(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(b, []byte{0}, []byte(" ")))
}
