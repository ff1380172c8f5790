package memory

import "strings"

// The causes of running out of memory.
const (
	Killed     = "oom_kill"   // the kernel ended a process of the control group
	CUDA       = "cuda"       // an allocation on a GPU failed
	Allocation = "allocation" // an allocation of the host's memory failed
)

// Causes lists every cause, for pre-created series.
func Causes() []string { return []string{Killed, CUDA, Allocation} }

// Cause reads an error's text: CUDA, Allocation, or "" where it is about
// something else. onGPU says that the runtime works on a GPU, for texts that do
// not say whose memory it was, such as ONNX Runtime's.
func Cause(text string, onGPU bool) string {
	text = strings.ToLower(text)
	for _, sign := range []string{"cuda out of memory", "cuda_error_out_of_memory", "cudaerrormemoryallocation", "cuda error 2", "cuda failure 2", "cublas_status_alloc_failed",
		"cudnn_status_alloc_failed", "outofmemoryerror: cuda", "hip out of memory", "hip_error_out_of_memory", "resource_exhausted: out of memory"} {
		if strings.Contains(text, sign) {
			return CUDA
		}
	}
	for _, sign := range []string{"bfcarena", "failed to allocate memory", "bad_alloc", "cannot allocate memory", "memoryerror", "defaultcpuallocator: can't allocate memory", "out of memory"} {
		if strings.Contains(text, sign) {
			if onGPU {
				return CUDA
			}
			return Allocation
		}
	}
	return ""
}
