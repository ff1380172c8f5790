// Package provider is the table of ONNX Runtime's execution providers that
// gnomon can use: a new one is a row. It knows their options, so that a
// misspelt one is an error and not ignored in silence, as ONNX Runtime does
// with some.
package provider

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrSpec: a provider or an option that does not exist.
var ErrSpec = errors.New("execution provider")

// CPU is the provider that every library has.
const CPU = "cpu"

// Attach is how ONNX Runtime takes the provider.
type Attach uint8

// Ways to attach.
const (
	Always   Attach = iota // it is there without being attached
	ByName                 // by its name and key-value options
	CUDA                   // by CUDA's structure
	TensorRT               // by TensorRT's; CUDA runs what it leaves over
)

// Row is one provider.
type Row struct {
	Name    string            // ours, in configuration and metrics
	ORT     string            // ONNX Runtime's name of it in GetAvailableProviders and in profiles
	Append  string            // ONNX Runtime's name where it is attached by name
	Attach  Attach            // how
	Device  bool              // shapes cost there: batches are padded to a bucket
	Default map[string]string // options where the user says nothing
	Keys    []string          // options that exist
}

// Table lists every provider.
func Table() []Row {
	return []Row{
		{Name: CPU, ORT: "CPUExecutionProvider", Keys: []string{"arena"}},
		{Name: "cuda", ORT: "CUDAExecutionProvider", Attach: CUDA, Device: true,
			Default: map[string]string{"arena_extend_strategy": "kSameAsRequested", "cudnn_conv_algo_search": "HEURISTIC"},
			Keys: []string{"device_id", "gpu_mem_limit", "arena_extend_strategy", "cudnn_conv_algo_search", "do_copy_in_default_stream", "cudnn_conv_use_max_workspace",
				"enable_cuda_graph", "cudnn_conv1d_pad_to_nc1d", "tunable_op_enable", "tunable_op_tuning_enable", "tunable_op_max_tuning_duration_ms",
				"enable_skip_layer_norm_strict_mode", "prefer_nhwc", "use_ep_level_unified_stream", "use_tf32", "fuse_conv_bias", "sdpa_kernel"}},
		{Name: "tensorrt", ORT: "TensorrtExecutionProvider", Attach: TensorRT, Device: true,
			Keys: []string{"device_id", "trt_max_partition_iterations", "trt_min_subgraph_size", "trt_max_workspace_size", "trt_fp16_enable", "trt_bf16_enable", "trt_int8_enable",
				"trt_int8_calibration_table_name", "trt_int8_use_native_calibration_table", "trt_dla_enable", "trt_dla_core", "trt_dump_subgraphs", "trt_engine_cache_enable",
				"trt_engine_cache_path", "trt_engine_cache_prefix", "trt_engine_decryption_enable", "trt_engine_decryption_lib_path", "trt_force_sequential_engine_build",
				"trt_context_memory_sharing_enable", "trt_layer_norm_fp32_fallback", "trt_timing_cache_enable", "trt_timing_cache_path", "trt_force_timing_cache",
				"trt_detailed_build_log", "trt_build_heuristics_enable", "trt_sparsity_enable", "trt_builder_optimization_level", "trt_auxiliary_streams", "trt_tactic_sources",
				"trt_extra_plugin_lib_paths", "trt_profile_min_shapes", "trt_profile_max_shapes", "trt_profile_opt_shapes", "trt_cuda_graph_enable", "trt_preview_features",
				"trt_dump_ep_context_model", "trt_ep_context_file_path", "trt_ep_context_embed_mode", "trt_weight_stripped_engine_enable", "trt_onnx_model_folder_path",
				"trt_engine_hw_compatible", "trt_op_types_to_exclude"}},
		{Name: "webgpu", ORT: "WebGpuExecutionProvider", Append: "WebGPU", Attach: ByName, Device: true,
			Keys: []string{"dawnBackendType", "preferredLayout", "validationMode", "enableGraphCapture", "powerPreference", "deviceId", "forceCpuNodeNames",
				"storageBufferCacheMode", "uniformBufferCacheMode", "queryResolveBufferCacheMode", "defaultBufferCacheMode", "preserveDevice"}},
		{Name: "coreml", ORT: "CoreMLExecutionProvider", Append: "CoreML", Attach: ByName, Device: true,
			Keys: []string{"ModelFormat", "MLComputeUnits", "RequireStaticInputShapes", "EnableOnSubgraphs", "SpecializationStrategy", "ProfileComputePlan",
				"AllowLowPrecisionAccumulationOnGPU", "ModelCacheDirectory"}},
		{Name: "directml", ORT: "DmlExecutionProvider", Append: "DML", Attach: ByName, Device: true,
			Keys: []string{"device_id", "performance_preference", "device_filter", "disable_metacommands", "enable_graph_capture"}},
	}
}

// Names lists every provider's name.
func Names() []string {
	var out []string
	for _, r := range Table() {
		out = append(out, r.Name)
	}
	return out
}

// Spec is a provider as the user asks for it.
type Spec struct {
	Name    string            `json:"name"`
	Options map[string]string `json:"options,omitempty"`
}

// Policy says what becomes of a provider that cannot run the model.
type Policy string

// Require takes a listed provider that runs the whole graph, or fails. Prefer
// takes the first listed one that runs any of it; nodes that it has not run on
// the CPU, and where none works the CPU runs everything.
const (
	Require Policy = "require"
	Prefer  Policy = "prefer"
)

// Find returns a provider's row.
func Find(name string) (Row, error) {
	table := Table()
	i := slices.IndexFunc(table, func(r Row) bool { return r.Name == name })
	if i < 0 {
		return Row{}, fmt.Errorf("%w: %q is not known%s; write one of %s", ErrSpec, name, suggestion(name, Names()), strings.Join(Names(), ", "))
	}
	return table[i], nil
}

// Check reports a provider or an option that does not exist, and what may have
// been meant.
func (s Spec) Check() error {
	row, err := Find(s.Name)
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(s.Options)) {
		if !slices.Contains(row.Keys, key) {
			return fmt.Errorf("%w: %s has no option %q%s; it has %s", ErrSpec, s.Name, key, suggestion(key, row.Keys), strings.Join(row.Keys, ", "))
		}
	}
	return nil
}

// suggestion is ", did you mean X?" for the known word nearest to a misspelt
// one, where one is near.
func suggestion(got string, known []string) string {
	best, distance := "", 1+len(got)/4
	for _, k := range known {
		if d := edits(strings.ToLower(got), strings.ToLower(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
