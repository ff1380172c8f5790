package tapbench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// bytesCodec passes messages as the bytes that they are.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

const inferMethod = "/inference.GRPCInferenceService/ModelInfer"

// inferRequest is a ModelInferRequest of about n bytes of raw contents.
func inferRequest(n int, id string) []byte {
	text := func(b []byte, field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
	}
	shape := string(protowire.AppendVarint(nil, uint64(n/4)))
	tensor := text(text(text(nil, 1, "x"), 2, "FP32"), 3, shape)
	return text(text(text(text(nil, 1, "m"), 3, id), 5, string(tensor)), 7, string(make([]byte, n/4*4)))
}

// serveGRPC answers every call with the same 200 bytes.
func serveGRPC(ctx context.Context, l net.Listener) error {
	answer := make([]byte, 200)
	server := grpc.NewServer(grpc.ForceServerCodecV2(bytesCodec{}), grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		var m []byte
		if err := s.RecvMsg(&m); err != nil {
			return err
		}
		return s.SendMsg(&answer)
	}))
	go func() { <-ctx.Done(); server.Stop() }()
	if err := server.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}

// callLoop makes total calls of n bytes, as closedLoop does.
func callLoop(b *testing.B, addr string, n, total int) {
	b.Helper()
	var wg sync.WaitGroup
	for k := range clients {
		wg.Go(func() {
			c, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bytesCodec{})))
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			for i := range total / clients {
				m, answer := inferRequest(n, fmt.Sprintf("%d-%d", k, i)), []byte(nil)
				if err := c.Invoke(b.Context(), inferMethod, &m, &answer); err != nil || len(answer) != 200 {
					b.Errorf("%d bytes, %v", len(answer), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func nginxGRPC(b *testing.B, upstream string) *process {
	b.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		b.Skip("nginx is not installed")
	}
	dir, addr := b.TempDir(), freeAddr(b)
	temp := ""
	for _, t := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += t + "_temp_path " + filepath.Join(dir, t) + ";\n"
	}
	conf := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log; worker_processes 1;
events { worker_connections 512; }
http { access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 100000000; %[2]s
  upstream u { server %[3]s; keepalive 64; keepalive_requests 100000000; }
  server { listen %[4]s http2; location / { grpc_pass grpc://u; } }
}`, dir, temp, upstream, addr)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	return launch(b, "nginx grpc_pass", addr, exec.Command(path, "-p", dir, "-c", file))
}

// BenchmarkGRPC is bar P6: the gRPC proxy beside nginx's grpc_pass.
func BenchmarkGRPC(b *testing.B) {
	up := self(b, "grpc upstream", "")
	for _, c := range []struct{ n, total int }{{300, 16000}, {15_600, 8000}} {
		b.Run(strconv.Itoa(c.n), func(b *testing.B) {
			rows := []*process{nginxGRPC(b, up.addr), rated(b, "grpc tap", up.addr, "0.01"), rated(b, "grpc tap", up.addr, "0.1"), rated(b, "grpc tap", up.addr, "1")}
			for b.Loop() {
				samples := map[string][]float64{}
				for _, p := range rows {
					callLoop(b, p.addr, c.n, c.total/4) // warm
				}
				for range 5 {
					for _, p := range rows {
						before := p.cpu()
						callLoop(b, p.addr, c.n, c.total)
						samples[p.name] = append(samples[p.name], float64((p.cpu()-before).Microseconds())/float64(c.total))
					}
				}
				got := map[string]float64{}
				for name, s := range samples {
					slices.Sort(s)
					got[name] = s[len(s)/2]
				}
				report(b, c.n, got, rows, "grpc tap 0.1", "nginx grpc_pass", "x_grpc_pass", "grpc tap 1", "grpc tap 0.01", "x_100%_of_1%")
			}
		})
	}
}
