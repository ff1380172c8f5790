package onnx

import (
	"os"
	"testing"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/provider"
	"github.com/gnomon-dev/gnomon/shadow/shadowtest"
)

const digitsModel = "../../examples/digits/models/digits-fp32.onnx"

// TestConformance runs the whole suite on every provider that this machine can
// offer: the CPU always, WebGPU over SwiftShader where Debian's chromium and
// libvulkan1 are, and with GNOMON_TEST_GPU=1 (make test-gpu) CUDA, TensorRT
// and WebGPU of the real GPU. Each provider must run the whole graph itself.
func TestConformance(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	for _, row := range provider.Table() {
		t.Run(row.Name, func(t *testing.T) {
			usable(t, row)
			most := 64
			if row.Device && os.Getenv(EnvGPU) == "" {
				most = 2 // every bucket's shaders are compiled, by every engine of the suite
			}
			shadowtest.Run(t, func(t *testing.T) shadow.Engine {
				e, err := Open(Settings{Path: digitsModel, Providers: []provider.Spec{{Name: row.Name}}, MaxBatch: most, Sessions: 2})
				if err != nil {
					t.Fatal(err)
				}
				if m := e.Model(); m.Provider != row.Name || (row.Name != provider.CPU) != (m.CPUNodes == 0) {
					t.Fatalf("it runs on %s with %v of the nodes on the CPU", m.Provider, m.CPUNodes)
				}
				return e
			}, shadowtest.Digits(t))
		})
	}
}

// EnvGPU asks for the real GPU: what is missing is still skipped, and said.
const EnvGPU = "GNOMON_TEST_GPU"

// usable skips the test where the provider cannot be had here, and says why.
func usable(t *testing.T, row provider.Row) {
	t.Helper()
	if row.Name == provider.CPU {
		return
	}
	if row.Name == "webgpu" && os.Getenv(EnvGPU) == "" {
		swiftShader(t)
	} else if os.Getenv(EnvGPU) == "" {
		t.Skip("SKIP ", row.Name, ": make test-gpu tests it, on a machine with such a device")
	}
	e, err := Open(Settings{Path: digitsModel, Providers: []provider.Spec{{Name: row.Name}}})
	if err != nil {
		t.Skip("SKIP ", row.Name, ": ", err)
	}
	_ = e.Close()
}

// swiftShader points Vulkan at the software renderer of Debian's chromium.
func swiftShader(t *testing.T) {
	t.Helper()
	const driver = "/usr/lib/chromium/vk_swiftshader_icd.json"
	if _, err := os.Stat(driver); err != nil {
		t.Skip("SKIP webgpu: no SwiftShader (", err, "); apt-get install chromium libvulkan1")
	}
	t.Setenv("VK_DRIVER_FILES", driver)
	if os.Getenv("XDG_RUNTIME_DIR") == "" {
		t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	}
}
