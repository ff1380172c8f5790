package onnx

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow/onnx/ort"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// cache keeps optimised models on disk. A file's name holds what it was made
// of and for (model, library, provider with its options, this kind of
// processor) and the digest of its own bytes, so that a file that was cut short
// or comes from elsewhere is no file. Whatever goes wrong with it, the model
// loads without.
type cache struct {
	dir  string // "" for no cache
	key  string
	temp string
}

// cacheFormat changes when the files' meaning does.
const cacheFormat = "1"

func openCache(s *Settings, m *source, row provider.Row, spec provider.Spec) *cache {
	// TensorRT, CoreML and the like compile nodes that cannot be written down;
	// they have caches of their own. Weights beside the model stay beside it.
	written := row.Name == provider.CPU || row.Name == "cuda" || row.Name == "webgpu"
	if s.Cache == "" || m.external || !written {
		return &cache{}
	}
	key, err := json.Marshal([]any{cacheFormat, m.digest, ort.Version(), row.ORT, spec.Options, runtime.GOOS, runtime.GOARCH, processor()})
	if err != nil {
		return &cache{}
	}
	sum := sha256.Sum256(key)
	return &cache{dir: s.Cache, key: hex.EncodeToString(sum[:16])}
}

// processor tells processors apart: ONNX Runtime lays weights out for the one
// that it runs on.
func processor() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "flags") || strings.HasPrefix(line, "Features") {
			return line
		}
	}
	return ""
}

func (c *cache) files() []string {
	if c.dir == "" {
		return nil
	}
	list, err := filepath.Glob(filepath.Join(c.dir, c.key+"-*.onnx"))
	if err != nil {
		return nil
	}
	return list
}

// read returns the optimised model; nil where there is none that is whole.
func (c *cache) read() []byte {
	for _, path := range c.files() {
		data, err := os.ReadFile(path)
		if err == nil && c.name(data) == filepath.Base(path) {
			return data
		}
		_ = os.Remove(path) // it is not what its name says
	}
	return nil
}

func (c *cache) name(data []byte) string {
	sum := sha256.Sum256(data)
	return c.key + "-" + hex.EncodeToString(sum[:16]) + ".onnx"
}

// drop removes what turned out to be useless.
func (c *cache) drop() {
	for _, path := range c.files() {
		_ = os.Remove(path) // it is tried again at the next start
	}
}

// scratch is the file that ONNX Runtime may write the optimised model to; ""
// where it may not.
func (c *cache) scratch() string {
	if c.dir == "" || os.MkdirAll(c.dir, 0o755) != nil {
		return ""
	}
	f, err := os.CreateTemp(c.dir, ".new-*.onnx")
	if err != nil {
		return ""
	}
	f.Close()
	c.temp = f.Name()
	return c.temp
}

// keep gives the written file its name, in one step: others read this folder.
func (c *cache) keep() {
	data, err := os.ReadFile(c.temp)
	if err != nil || len(data) == 0 || os.Rename(c.temp, filepath.Join(c.dir, c.name(data))) != nil {
		c.forget()
		return
	}
	c.prune()
}

// mostFiles is how many optimised models are kept, of all models together.
const mostFiles = 16

// prune removes the oldest files beyond the most that are kept.
func (c *cache) prune() {
	list, err := filepath.Glob(filepath.Join(c.dir, "*-*.onnx"))
	if err != nil || len(list) <= mostFiles {
		return
	}
	age := func(path string) int64 {
		st, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return st.ModTime().UnixNano()
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(age(a), age(b)) })
	for _, path := range list[:len(list)-mostFiles] {
		_ = os.Remove(path) // it is made again where it is needed
	}
}

func (c *cache) forget() {
	if c.temp != "" {
		_ = os.Remove(c.temp) // nobody reads it under this name
	}
}
