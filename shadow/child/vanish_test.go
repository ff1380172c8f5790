package child

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// TestProviderVanishes: the GPU's driver goes away under a shadow that runs on
// it, and the process dies of it. Preferred, the shadow comes back on the CPU
// and says why.
func TestProviderVanishes(t *testing.T) {
	path := digits(t)
	const library = "/usr/lib/chromium/libvk_swiftshader.so"
	if _, err := os.Stat(library); err != nil {
		t.Skip("SKIP webgpu: no SwiftShader (", err, "); apt-get install chromium libvulkan1")
	}
	dir := t.TempDir()
	driver := filepath.Join(dir, "driver.json")
	text := fmt.Sprintf(`{"file_format_version": "1.0.0", "ICD": {"library_path": %q, "api_version": "1.1"}}`, library)
	if err := os.WriteFile(driver, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &restarts{}
	e, err := Start(context.Background(), Settings{Command: []string{exe}, Env: append(os.Environ(), workerEnv+"=1", "VK_DRIVER_FILES="+driver, "XDG_RUNTIME_DIR="+dir),
		Spec:         spec{Settings: &onnx.Settings{Path: path, Providers: []provider.Spec{{Name: "webgpu"}}, Policy: provider.Prefer, MaxBatch: 1}},
		StartTimeout: time.Minute, HangTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler), Restarted: r.add})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if m := e.Model(); m.Provider != "webgpu" || m.CPUNodes != 0 {
		t.Skip("SKIP webgpu: it does not work here: ", m.Fallback)
	}
	if err := os.Remove(driver); err != nil {
		t.Fatal(err)
	}
	pid := e.PID()
	_ = syscall.Kill(pid, syscall.SIGKILL)
	waitUp(t, e, pid)
	results, err := e.Infer(context.Background(), []shadow.Sample{image(.1)})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
	if m := e.Model(); m.Provider != "cpu" || m.Fallback == "" || m.CPUNodes != 1 {
		t.Errorf("%+v", m)
	}
	if list := r.list(); len(list) != 1 || list[0] != ReasonCrashed {
		t.Errorf("restarts %v", list)
	}
}
