package tfserving

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

const service = "/tensorflow.serving.PredictionService/"

// serve is a PredictionService with a model of the test's: Predict answers
// house, compressed as it was asked, and GetModelMetadata echoes what it gets.
func serve(t *testing.T) string {
	t.Helper()
	in := descriptor(t, "PredictRequest")
	out := build(t, "PredictResponse", answer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	method := func(name string, call func(*dynamicpb.Message) (any, error)) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: name, Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			m := dynamicpb.NewMessage(in)
			if err := decode(m); err != nil {
				return nil, err
			}
			return call(m)
		}}
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "tensorflow.serving.PredictionService", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{
		method("Predict", func(m *dynamicpb.Message) (any, error) {
			if strings.Contains(m.String(), "absent") {
				return nil, status.Error(codes.NotFound, "Servable not found for request: Latest(absent)")
			}
			return out, nil
		}),
		method("GetModelMetadata", func(m *dynamicpb.Message) (any, error) { return m, nil }),
	}}, struct{}{})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return "http://" + l.Addr().String()
}

func dial(t *testing.T, url string) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestThroughTheProxy: a client of protobuf's own library and a server of it,
// directly and through the gRPC proxy: the answers are the same, and the
// records what was sent.
func TestThroughTheProxy(t *testing.T) {
	upstream := serve(t)
	rig := taptest.NewRig(t, func(t testing.TB, c taptest.Config) http.Handler {
		p, err := proxy.NewGRPC(proxy.Settings{
			Upstream: c.Upstream, Sampler: c.Sampler, Observer: c.Observer, Emit: c.Emit, Budget: c.Budget, BodyLimit: c.BodyLimit, KeyHeader: c.KeyHeader,
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}, upstream, nil)
	direct, tapped := dial(t, upstream), dial(t, rig.URL)
	sent, out := build(t, "PredictRequest", request), descriptor(t, "PredictResponse")
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "call-1")
	for _, options := range [][]grpc.CallOption{nil, {grpc.UseCompressor(gzip.Name)}} {
		want, got := dynamicpb.NewMessage(out), dynamicpb.NewMessage(out)
		if err := direct.Invoke(ctx, service+"Predict", sent, want, options...); err != nil {
			t.Fatal(err)
		}
		if err := tapped.Invoke(ctx, service+"Predict", sent, got, options...); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(want, got) {
			t.Errorf("the answer is %v through the tap, %v without", got, want)
		}
		c := rig.Capture(t)
		records, err := NewDecoder(nil, 1<<20).Decode(c)
		if err != nil || len(records) != 2 {
			t.Fatalf("%d records, %v", len(records), err)
		}
		r := records[0]
		if c.Format != "tf-grpc" || r.Tap != "grpc" || r.Key != "call-1" || r.Model != "house" || r.Version != "4" ||
			r.Inputs[0].Float64At(1) != 2 || r.Inputs[1].Float64At(0) != 10 || r.Outputs[0].Float64At(0) != .25 {
			t.Errorf("%+v", r)
		}
	}
	if d := rig.Journal.Done(t, 2)[0]; d.Outcome != record.Success || d.Model != "house" || d.Version != "3" {
		t.Errorf("%+v", d)
	}

	err := tapped.Invoke(ctx, service+"Predict", build(t, "PredictRequest", `model_spec { name: "absent" version_label: "stable" }`), dynamicpb.NewMessage(out))
	if status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "Servable not found") {
		t.Error(err)
	}
	if d := rig.Journal.Done(t, 3)[2]; d.Outcome != record.ClientError || d.Model != "absent" || d.Version != "stable" {
		t.Errorf("%+v", d)
	}

	// Every other method passes as bytes and is not captured.
	back := dynamicpb.NewMessage(descriptor(t, "PredictRequest"))
	if err := tapped.Invoke(ctx, service+"GetModelMetadata", sent, back); err != nil || back.String() == "" {
		t.Errorf("%v, %v", back, err)
	}
	rig.NoCapture(t)
}
