package main

import (
	"context"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/gpu"
	"github.com/gnomon-dev/gnomon/exporter/gpu/nvml"
	"github.com/gnomon-dev/gnomon/exporter/gpu/sysfs"
)

// gpuCommand is the hidden subcommand that the GPU collector's process runs.
const gpuCommand = "gpu-worker"

func registerGPUWorker(k *kingpin.Application) runner {
	k.Command(gpuCommand, "Read GPUs for a parent gnomon.").Hidden()
	return func(_ context.Context, io streams) error {
		return gpu.Serve(io.in, io.out, func(o gpu.Options) []gpu.Backend {
			return []gpu.Backend{nvml.New(nil, o), sysfs.New(o.Sysfs)}
		})
	}
}
