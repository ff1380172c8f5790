package taptest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// raw is a message of bytes.
type raw struct{ b []byte }

// rawCodec passes messages as they are.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(*raw).b)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	v.(*raw).b = data.Materialize()
	return nil
}

const (
	inferMethod  = "/inference.GRPCInferenceService/ModelInfer"
	streamMethod = "/inference.GRPCInferenceService/ModelStreamInfer"
)

// GRPC runs the suite over a gRPC tap.
func GRPC(t *testing.T, start Start) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *Rig, *grpc.ClientConn)
	}{
		{"calls pass and are captured", grpcUnary},
		{"compression", grpcCompressed},
		{"large messages", grpcLarge},
		{"status, details and trailers", grpcStatuses},
		{"deadline and cancel", grpcDeadline},
		{"streams", grpcStream},
		{"an answer before the call is half-closed", grpcEarly},
		{"a stream ends when its client leaves", grpcStreamLeft},
		{"other services", grpcOthers},
		{"not sampled", grpcNotSampled},
	} {
		t.Run(c.name, func(t *testing.T) {
			upstream := grpcUpstream(t)
			rig := NewRig(t, start, upstream, func(config *Config) {
				config.BodyLimit = 64 << 20
				if c.name == "not sampled" {
					config.Sampler = pick("only-this")
				}
			})
			c.run(t, rig, dialGRPC(t, rig.URL))
		})
	}
	t.Run("upstream is down", func(t *testing.T) {
		rig := NewRig(t, start, "http://127.0.0.1:1", nil)
		err := dialGRPC(t, rig.URL).Invoke(t.Context(), inferMethod, &raw{infer("m", "1", 1)}, &raw{}, grpc.ForceCodecV2(rawCodec{}))
		if status.Code(err) != codes.Unavailable {
			t.Errorf("%v", err)
		}
		if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.InfraError { // of a model that nobody could name: the message was not read
			t.Errorf("%+v", d)
		}
	})
}

func dialGRPC(t testing.TB, url string) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20), grpc.MaxCallSendMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// infer is a ModelInferRequest of n float32 in raw contents.
func infer(model, id string, n int) []byte {
	text := func(b []byte, field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
	}
	tensor := text(text(nil, 1, "x"), 2, "FP32")
	tensor = protowire.AppendTag(tensor, 3, protowire.BytesType)
	tensor = protowire.AppendBytes(tensor, protowire.AppendVarint(nil, uint64(n)))
	b := text(text(nil, 1, model), 3, id)
	b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(b, 7, protowire.BytesType), make([]byte, 4*n))
}

// grpcUpstream echoes messages with a byte before; models named after a fault
// have it.
func grpcUpstream(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(mixedCodec{}), grpc.MaxRecvMsgSize(64<<20), grpc.MaxSendMsgSize(64<<20), grpc.UnknownServiceHandler(serveEcho))
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	return "http://" + l.Addr().String()
}

func serveEcho(_ any, s grpc.ServerStream) error {
	md, _ := metadata.FromIncomingContext(s.Context())
	_ = s.SetHeader(metadata.Pairs("x-head", strings.Join(md.Get("x-meta"), "|"), "x-bin-bin", "\x00\xff"))
	s.SetTrailer(metadata.Pairs("x-tail", "t"))
	for {
		var m raw
		if err := s.RecvMsg(&m); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		switch {
		case bytes.Contains(m.b, []byte("absent")):
			st, err := status.New(codes.NotFound, "no model: é").WithDetails(wrapperspb.String("detail"))
			if err != nil {
				return err
			}
			return st.Err()
		case bytes.Contains(m.b, []byte("broken")):
			return status.Error(codes.Internal, "CUDA error")
		case bytes.Contains(m.b, []byte("early")): // as servers do that take the message for the whole call
			return s.SendMsg(&raw{append([]byte{0x10, 1}, m.b...)})
		case bytes.Contains(m.b, []byte("slow")):
			<-s.Context().Done()
			return s.Context().Err()
		}
		if err := s.SendMsg(&raw{append([]byte{0x10, 1}, m.b...)}); err != nil {
			return err
		}
	}
}

func grpcUnary(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-meta", "a", "x-meta", "b", "x-request-id", "key-1")
	var head, tail metadata.MD
	sent, got := infer("m", "g-1", 4), &raw{}
	if err := c.Invoke(ctx, inferMethod, &raw{sent}, got, grpc.ForceCodecV2(rawCodec{}), grpc.Header(&head), grpc.Trailer(&tail)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.b[2:], sent) || head.Get("x-head")[0] != "a|b" || head.Get("x-bin-bin")[0] != "\x00\xff" || tail.Get("x-tail")[0] != "t" {
		t.Errorf("%d bytes back, head %v, tail %v", len(got.b), head, tail)
	}
	capture := rig.Capture(t)
	if !bytes.Equal(capture.Request.Bytes[5:], sent) || !bytes.Equal(capture.Response.Bytes[5:], got.b) ||
		capture.Model != "m" || capture.ID != "g-1" || capture.Key != "key-1" || capture.Format != "oip-grpc" || capture.Tap != "grpc" {
		t.Errorf("capture %+v", capture)
	}
	if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.Success || d.Model != "m" || d.Tap != "grpc" {
		t.Errorf("%+v", d)
	}
}

func grpcCompressed(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	sent, got := infer("m", "z", 1000), &raw{}
	if err := c.Invoke(t.Context(), inferMethod, &raw{sent}, got, grpc.ForceCodecV2(rawCodec{}), grpc.UseCompressor(gzip.Name)); err != nil {
		t.Fatal(err)
	}
	capture := rig.Capture(t)
	if !bytes.Equal(got.b[2:], sent) || capture.Request.Encoding != "gzip" || capture.Request.Bytes[0] != 1 || len(capture.Request.Bytes) > 500 {
		t.Errorf("%d bytes back; captured %q, %d bytes", len(got.b), capture.Request.Encoding, len(capture.Request.Bytes))
	}
}

func grpcLarge(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	sent, got := infer("m", "l", 2<<20), &raw{}
	if err := c.Invoke(t.Context(), inferMethod, &raw{sent}, got, grpc.ForceCodecV2(rawCodec{})); err != nil {
		t.Fatal(err)
	}
	if capture := rig.Capture(t); len(got.b) != len(sent)+2 || len(capture.Request.Bytes) != len(sent)+5 {
		t.Errorf("%d bytes back, %d captured", len(got.b), len(capture.Request.Bytes))
	}
}

func grpcStatuses(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	var tail metadata.MD
	err := c.Invoke(t.Context(), inferMethod, &raw{infer("absent", "1", 1)}, &raw{}, grpc.ForceCodecV2(rawCodec{}), grpc.Trailer(&tail))
	st := status.Convert(err)
	if st.Code() != codes.NotFound || st.Message() != "no model: é" || len(st.Details()) != 1 || tail.Get("x-tail")[0] != "t" {
		t.Errorf("%v, details %v, tail %v", err, st.Details(), tail)
	}
	err = c.Invoke(t.Context(), inferMethod, &raw{infer("broken", "2", 1)}, &raw{}, grpc.ForceCodecV2(rawCodec{}))
	if status.Code(err) != codes.Internal {
		t.Error(err)
	}
	done := rig.Journal.Done(t, 2)
	if done[0].Outcome != record.ClientError || done[0].Model != "absent" || done[1].Outcome != record.ModelError {
		t.Errorf("%+v", done)
	}
	rig.Settled(t)
}

func grpcDeadline(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := c.Invoke(ctx, inferMethod, &raw{infer("slow", "1", 1)}, &raw{}, grpc.ForceCodecV2(rawCodec{}))
	if status.Code(err) != codes.DeadlineExceeded {
		t.Error(err)
	}
	if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.Cancelled && d.Outcome != record.InfraError {
		t.Errorf("deadline: %+v", d)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	err = c.Invoke(ctx, inferMethod, &raw{infer("slow", "2", 1)}, &raw{}, grpc.ForceCodecV2(rawCodec{}))
	if status.Code(err) != codes.Canceled {
		t.Error(err)
	}
	if d := rig.Journal.Done(t, 2)[1]; d.Outcome != record.Cancelled {
		t.Errorf("cancel: %+v", d)
	}
	rig.Settled(t)
}

func grpcStream(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	s, err := c.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, streamMethod, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // each answer arrives before the next request is sent
		if err := s.SendMsg(&raw{infer("m", "s", 3)}); err != nil {
			t.Fatal(err)
		}
		if err := s.RecvMsg(&raw{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&raw{}); !errors.Is(err, io.EOF) || s.Trailer().Get("x-tail")[0] != "t" {
		t.Errorf("%v, tail %v", err, s.Trailer())
	}
	if capture := rig.Capture(t); len(capture.Request.Bytes) != 5*(5+len(infer("m", "s", 3))) || capture.Model != "m" {
		t.Errorf("captured %d bytes of %q", len(capture.Request.Bytes), capture.Model)
	}
}

func grpcEarly(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	s, err := c.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, inferMethod, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	sent := infer("early", "e", 3)
	if err := errors.Join(s.SendMsg(&raw{sent}), s.RecvMsg(&raw{})); err != nil {
		t.Fatal(err)
	}
	if err := s.RecvMsg(&raw{}); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if capture := rig.Capture(t); !bytes.Equal(capture.Request.Bytes[5:], sent) {
		t.Errorf("captured %d bytes", len(capture.Request.Bytes))
	}
}

func grpcStreamLeft(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := c.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, streamMethod, grpc.ForceCodecV2(rawCodec{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.SendMsg(&raw{infer("m", "s", 3)}), s.RecvMsg(&raw{})); err != nil {
		t.Fatal(err)
	}
	cancel()
	if d := rig.Journal.Done(t, 1)[0]; d.Outcome != record.Cancelled {
		t.Errorf("%+v", d)
	}
	rig.Settled(t)
	rig.NoCapture(t)
}

func grpcOthers(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	got, err := grpc_health_v1.NewHealthClient(c).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.Status != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", got, err)
	}
	var answer raw
	if err := c.Invoke(t.Context(), "/any.Service/Method", &raw{[]byte("\x08\x01")}, &answer, grpc.ForceCodecV2(rawCodec{})); err != nil || len(answer.b) != 4 {
		t.Errorf("unknown service: %q, %v", answer.b, err)
	}
	rig.Settled(t)
	rig.NoCapture(t)
}

func grpcNotSampled(t *testing.T, rig *Rig, c *grpc.ClientConn) {
	for _, id := range []string{"other", "only-this"} {
		if err := c.Invoke(t.Context(), inferMethod, &raw{infer("m", id, 4)}, &raw{}, grpc.ForceCodecV2(rawCodec{})); err != nil {
			t.Fatal(err)
		}
	}
	if capture := rig.Capture(t); capture.Key != "only-this" {
		t.Errorf("captured %q", capture.Key)
	}
	rig.NoCapture(t)
	if d := rig.Journal.Done(t, 2)[0]; d.Model != "m" {
		t.Errorf("a request that is not sampled lost its model: %+v", d)
	}
}
