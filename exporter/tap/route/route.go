// Package route tells which requests are inferences: of which model, in which
// wire format. It is one table; everything that is not in it is none of
// gnomon's business and passes through untouched.
package route

import (
	"net/url"
	"strings"
)

// The wire formats that routes lead to. They name the decoders.
const (
	OIP         = "oip"         // Open Inference Protocol v2, JSON with or without binary tensors
	OIPGRPC     = "oip-grpc"    // the same over gRPC
	TFGRPC      = "tf-grpc"     // TensorFlow Serving's Predict over gRPC
	V1          = "v1"          // KServe v1 and TensorFlow Serving's REST
	TorchServe  = "torchserve"  // any body
	Invocations = "invocations" // SageMaker's and MLflow's scoring endpoint
	Mapped      = "mapped"      // an in-house server's, by the model's mapping
)

// Target is what a request asks for.
type Target struct {
	Format  string
	Model   string
	Version string // empty where the path names none
}

// GRPC reports whether the bodies are messages of a gRPC call.
func (t Target) GRPC() bool { return t.Format == OIPGRPC || t.Format == TFGRPC }

// HTTP finds the target of a request by its method and escaped path (which
// may have a prefix, as behind an ingress). ok is false for everything that is
// no inference: health, metadata, repository, metrics, unknown.
//
//	POST [prefix]/v2/models/{model}[/versions/{version}]/infer       oip
//	POST [prefix]/v1/models/{model}[/versions/{v}|/labels/{l}]:predict|:classify|:regress  v1
//	POST /predictions/{model}[/{version}]                            torchserve
//	POST /invocations                                                invocations
func HTTP(method, escapedPath string) (t Target, ok bool) {
	if method != "POST" {
		return Target{}, false
	}
	if i := strings.LastIndex(escapedPath, "/v2/models/"); i >= 0 {
		return v2(escapedPath[i+len("/v2/models/"):])
	}
	if i := strings.LastIndex(escapedPath, "/v1/models/"); i >= 0 {
		return v1(escapedPath[i+len("/v1/models/"):])
	}
	if rest, found := strings.CutPrefix(escapedPath, "/predictions/"); found {
		model, version, _ := strings.Cut(rest, "/")
		return target(TorchServe, model, version)
	}
	if escapedPath == "/invocations" {
		return Target{Format: Invocations}, true
	}
	return Target{}, false
}

// With routes as HTTP does, and first finds in-house endpoints: own is the model
// of each path, without a prefix.
func With(own map[string]string) func(method, escapedPath string) (Target, bool) {
	if len(own) == 0 {
		return HTTP
	}
	return func(method, escapedPath string) (Target, bool) {
		if model, ok := own[escapedPath]; ok && method == "POST" {
			return Target{Format: Mapped, Model: model}, true
		}
		return HTTP(method, escapedPath)
	}
}

func v2(rest string) (Target, bool) {
	rest, found := strings.CutSuffix(rest, "/infer")
	if !found {
		return Target{}, false
	}
	model, version, _ := strings.Cut(rest, "/versions/")
	return target(OIP, model, version)
}

func v1(rest string) (Target, bool) {
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return Target{}, false
	}
	switch rest[i+1:] {
	case "predict", "classify", "regress":
	default:
		return Target{}, false
	}
	rest = rest[:i]
	model, version, found := strings.Cut(rest, "/versions/")
	if !found {
		model, version, _ = strings.Cut(rest, "/labels/")
	}
	return target(V1, model, version)
}

// target refuses what has further path elements: it is some other endpoint.
func target(format, model, version string) (Target, bool) {
	if model == "" || strings.Contains(model, "/") || strings.Contains(version, "/") {
		return Target{}, false
	}
	return Target{Format: format, Model: unescape(model), Version: unescape(version)}, true
}

func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	if u, err := url.PathUnescape(s); err == nil {
		return strings.ToValidUTF8(u, "\uFFFD") // a label of metrics
	}
	return s
}

// GRPC finds the target of a gRPC call by its full method name. The model is
// in the message.
func GRPC(fullMethod string) (Target, bool) {
	switch fullMethod {
	case "/inference.GRPCInferenceService/ModelInfer", "/inference.GRPCInferenceService/ModelStreamInfer":
		return Target{Format: OIPGRPC}, true
	case "/tensorflow.serving.PredictionService/Predict":
		return Target{Format: TFGRPC}, true
	}
	return Target{}, false
}
