package route

import "testing"

func TestHTTP(t *testing.T) {
	none := Target{}
	for _, c := range []struct {
		method, path string
		want         Target
	}{
		{"POST", "/v2/models/mnist/infer", Target{OIP, "mnist", ""}},
		{"POST", "/v2/models/mnist/versions/3/infer", Target{OIP, "mnist", "3"}},
		{"POST", "/seldon/ns/dep/v2/models/m/infer", Target{OIP, "m", ""}},
		{"POST", "/v2/models/a%2Fb%20c/infer", Target{OIP, "a/b c", ""}},
		{"POST", "/v2/models/m%zz/infer", Target{OIP, "m%zz", ""}},
		{"POST", "/v1/models/m:predict", Target{V1, "m", ""}},
		{"POST", "/v1/models/m/versions/7:predict", Target{V1, "m", "7"}},
		{"POST", "/v1/models/m/labels/stable:classify", Target{V1, "m", "stable"}},
		{"POST", "/predictions/m", Target{TorchServe, "m", ""}},
		{"POST", "/predictions/m/2.0", Target{TorchServe, "m", "2.0"}},
		{"POST", "/invocations", Target{Invocations, "", ""}},
		{"GET", "/v2/models/mnist/infer", none},
		{"GET", "/v2/models/mnist", none},
		{"POST", "/v2/repository/index", none},
		{"POST", "/v2/models/mnist/load", none},
		{"POST", "/v2/models//infer", none},
		{"POST", "/v2/models/a/b/infer", none},
		{"POST", "/v2/models/infer", none},
		{"POST", "/v2/models/m/generate_stream", none},
		{"POST", "/v1/models/m", none},
		{"POST", "/v1/models/m:explain", none},
		{"POST", "/predictions/", none},
		{"POST", "", none},
	} {
		got, ok := HTTP(c.method, c.path)
		if got != c.want || ok != (c.want != none) {
			t.Errorf("HTTP(%s %s) = %+v, %v; want %+v", c.method, c.path, got, ok, c.want)
		}
	}
}

func TestGRPC(t *testing.T) {
	if _, ok := GRPC("/inference.GRPCInferenceService/ModelInfer"); !ok {
		t.Error("ModelInfer is an inference")
	}
	if _, ok := GRPC("/inference.GRPCInferenceService/ServerLive"); ok {
		t.Error("ServerLive is no inference")
	}
	if got, ok := GRPC("/tensorflow.serving.PredictionService/Predict"); !ok || got.Format != TFGRPC || !got.GRPC() {
		t.Errorf("Predict: %+v, %v", got, ok)
	}
	for _, method := range []string{"Classify", "Regress", "MultiInference", "GetModelMetadata", "PredictStreamed"} {
		if _, ok := GRPC("/tensorflow.serving.PredictionService/" + method); ok {
			t.Errorf("%s is not read", method)
		}
	}
}

func FuzzHTTP(f *testing.F) {
	for _, s := range []string{"/v2/models/m/infer", "/v1/models/m:predict", "/predictions/m/1", "/v2/models/%/versions/%41/infer"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if target, ok := HTTP("POST", path); ok && target.Format == "" {
			t.Errorf("HTTP(%q) is an inference in no format", path)
		}
	})
}

func TestOwnEndpoints(t *testing.T) {
	find := With(map[string]string{"/score": "churn"})
	if got, ok := find("POST", "/score"); !ok || got != (Target{Format: Mapped, Model: "churn"}) {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, c := range [][2]string{{"GET", "/score"}, {"POST", "/score/x"}, {"POST", "/a/score"}} {
		if _, ok := find(c[0], c[1]); ok {
			t.Errorf("%v is taken for an inference", c)
		}
	}
	if got, ok := find("POST", "/v2/models/m/infer"); !ok || got.Model != "m" {
		t.Errorf("%+v, %v", got, ok)
	}
}

// TestNamesAreText: a name becomes a label, which must be UTF-8.
func TestNamesAreText(t *testing.T) {
	if got, ok := HTTP("POST", "/v2/models/a%FFb/infer"); !ok || got.Model != "a\uFFFDb" {
		t.Errorf("%+v, %v", got, ok)
	}
}
