// Package onnx runs models on ONNX Runtime in this process.
//
// ONNX Runtime can abort the process it runs in; shadow/child puts this engine
// into a process of its own.
package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow"
)

// Version is the ONNX Runtime that gnomon is built and tested with.
const Version = "1.30.0"

// EnvLibrary names the environment variable with the library's path.
const EnvLibrary = "GNOMON_ONNXRUNTIME_LIBRARY"

// FindLibrary finds the ONNX Runtime library: the explicit path, else the
// environment variable, else lib/ beside the executable, else .cache of the
// source tree that the executable or the working directory is in, else the
// system's folders. The error says what was tried and how to get it.
func FindLibrary(explicit string) (string, error) {
	if explicit == "" {
		explicit = os.Getenv(EnvLibrary)
	}
	if explicit != "" {
		if _, err := os.Stat(explicit); err != nil {
			return "", fmt.Errorf("%w: %w", shadow.ErrLibrary, err)
		}
		return explicit, nil
	}
	tried := candidates()
	for _, p := range tried {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w: not found (tried %s); run make deps, or install ONNX Runtime %s and set %s", shadow.ErrLibrary, strings.Join(tried, ", "), Version, EnvLibrary)
}

func candidates() []string {
	name := "libonnxruntime.so.1"
	if runtime.GOOS == "darwin" {
		name = "libonnxruntime.1.dylib"
	}
	var out []string
	var trees []string
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		out = append(out, filepath.Join(dir, "lib", name), filepath.Join(dir, name))
		trees = append(trees, dir)
	}
	if wd, err := os.Getwd(); err == nil {
		trees = append(trees, wd)
	}
	for _, dir := range trees {
		if root := sourceTree(dir); root != "" {
			out = append(out, filepath.Join(root, ".cache", "onnxruntime", Version, name))
		}
	}
	for _, dir := range []string{"/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/opt/homebrew/lib"} {
		out = append(out, filepath.Join(dir, name))
	}
	return out
}

// sourceTree is the folder above dir with a go.mod; "" where there is none.
func sourceTree(dir string) string {
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}
