package app

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
	"github.com/gnomon-dev/gnomon/exporter/gpu/kubelet"
)

// gpuRetry is how often a machine without a driver is looked at again.
const gpuRetry = 5 * time.Minute

// newGPUs makes the supervisor of the GPU collector.
func newGPUs(s Settings, role func(pid int) string) (*gpu.Supervisor, error) {
	c := s.Config.GPU
	hostname, _ := os.Hostname() // "" where it has none
	settings := gpu.Settings{Command: s.GPUWorker, Options: gpu.Options{Library: c.Library, Links: c.Links, Timeout: time.Duration(c.Timeout).Seconds()},
		Interval: time.Duration(c.Interval), Timeout: time.Duration(c.Timeout), Retry: gpuRetry, Role: role, Compatibility: c.Compatibility, Hostname: hostname, Logger: s.Logger, Now: s.Now}
	if c.Library == "" {
		settings.Present = func() bool { return gpuPresent("/") }
	}
	if _, err := os.Stat(c.KubeletSocket); err == nil {
		client, err := kubelet.New(c.KubeletSocket)
		if err != nil {
			return nil, err
		}
		settings.Pods = func(ctx context.Context) (map[string]gpu.Pod, error) { return client.Pods(ctx) }
	}
	return gpu.New(settings), nil
}

// gpuPresent looks for the devices of drivers: of NVIDIA on servers, under WSL
// and on Jetson; of AMD and Intel any card.
func gpuPresent(root string) bool {
	for _, pattern := range []string{"dev/nvidiactl", "dev/nvidia[0-9]*", "dev/dxg", "dev/nvgpu", "dev/nvhost-gpu", "proc/driver/nvidia/version", "sys/class/drm/card[0-9]*/device/vendor"} {
		if found, _ := filepath.Glob(filepath.Join(root, pattern)); len(found) > 0 {
			return true
		}
	}
	return false
}
