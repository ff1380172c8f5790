package child

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/onnx"
	"github.com/gnomon-dev/gnomon/shadow/shadowtest"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// The worker of the tests is the test binary itself.
const workerEnv = "GNOMON_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) != "" {
		if err := ServeInherited(openTest); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

type spec struct {
	Model    string         // path; or "fault" for the engine below
	Settings *onnx.Settings // instead of Model
}

func openTest(raw json.RawMessage) (shadow.Engine, error) {
	var s spec
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	if s.Settings != nil {
		return onnx.Open(*s.Settings)
	}
	switch s.Model {
	case "fault":
		return faulty{}, nil
	case "abort at load":
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		time.Sleep(time.Second)
	}
	return onnx.Open(onnx.Settings{Path: s.Model, Providers: onnx.CPU(), MaxBatch: 64, Sessions: 2})
}

// faulty does what the first input's name says.
type faulty struct{}

func (faulty) Model() shadow.Model { return shadow.Model{Provider: "fault"} }
func (faulty) Close() error        { return nil }
func (faulty) Infer(_ context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	switch batch[0][0].Name {
	case "abort":
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		time.Sleep(10 * time.Second)
	case "hang":
		time.Sleep(time.Hour)
	case "exit":
		os.Exit(3)
	case "refuse":
		return nil, shadow.ErrClosed
	}
	out := make([]shadow.Result, len(batch))
	for i := range out {
		out[i].Outputs = batch[i]
	}
	return out, nil
}

type restarts struct {
	mu      sync.Mutex
	reasons []string
}

func (r *restarts) add(reason string, _ int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reasons = append(r.reasons, reason)
}

func (r *restarts) list() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string{}, r.reasons...)
}

func start(t testing.TB, model string, r *restarts) (*Engine, error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e, err := Start(context.Background(), Settings{Command: []string{exe}, Env: append(os.Environ(), workerEnv+"=1"), Spec: spec{Model: model},
		StartTimeout: 20 * time.Second, HangTimeout: 500 * time.Millisecond, Logger: slog.New(slog.DiscardHandler), Restarted: r.add})
	if err == nil {
		t.Cleanup(func() { _ = e.Close() })
	}
	return e, err
}

func digits(t testing.TB) string {
	t.Helper()
	if _, err := onnx.FindLibrary(""); err != nil {
		t.Skip(err)
	}
	p, err := filepath.Abs("../../examples/digits/models/digits-fp32.onnx")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func image(v float32) shadow.Sample {
	x := make([]float32, 64)
	for i := range x {
		x[i] = v * float32(i%5)
	}
	return shadow.Sample{tensor.FromFloat32s("image", x, 1, 1, 8, 8)}
}

func named(name string) []shadow.Sample {
	return []shadow.Sample{{tensor.FromFloat32s(name, []float32{1, 2}, 1, 2)}}
}

// TestSameAsInProcess: the child's answers are the engine's, bit for bit.
func TestSameAsInProcess(t *testing.T) {
	path := digits(t)
	e, err := start(t, path, &restarts{})
	if err != nil {
		t.Fatal(err)
	}
	direct, err := onnx.Open(onnx.Settings{Path: path, Providers: onnx.CPU(), MaxBatch: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	batch := []shadow.Sample{image(.1), image(.2), {}, image(.3)}
	got, err := e.Infer(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := direct.Infer(context.Background(), batch)
	for i := range batch {
		if i == 2 {
			if !errors.Is(got[i].Err, shadow.ErrInput) {
				t.Errorf("empty sample: %v", got[i].Err)
			}
			continue
		}
		if string(got[i].Outputs[0].Data) != string(want[i].Outputs[0].Data) {
			t.Errorf("sample %d differs", i)
		}
	}
	if m := e.Model(); m.Digest != direct.Model().Digest || m.Provider != "cpu" || !m.Batching {
		t.Errorf("model %+v", m)
	}
}

// TestKillUnderLoad: kill -9 in the middle of traffic; the engine is back
// within two seconds, and every call ended with an answer or ErrUnavailable.
func TestKillUnderLoad(t *testing.T) {
	r := &restarts{}
	e, err := start(t, digits(t), r)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var good, lost atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for ctx.Err() == nil {
				switch _, err := e.Infer(ctx, []shadow.Sample{image(.1)}); {
				case err == nil:
					good.Add(1)
				case errors.Is(err, shadow.ErrUnavailable):
					lost.Add(1)
					time.Sleep(time.Millisecond)
				case ctx.Err() == nil:
					t.Errorf("unexpected: %v", err)
				}
			}
		})
	}
	for range 3 {
		time.Sleep(100 * time.Millisecond)
		pid := e.PID()
		if pid == 0 {
			t.Fatal("no child")
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
		killed := time.Now()
		for e.PID() == pid || e.PID() == 0 {
			if time.Since(killed) > 5*time.Second {
				t.Fatal("the engine did not come back")
			}
			time.Sleep(time.Millisecond)
		}
		t.Logf("back after %v", time.Since(killed).Round(time.Millisecond))
	}
	before := good.Load()
	time.Sleep(100 * time.Millisecond)
	cancel()
	wg.Wait()
	if good.Load() == before {
		t.Error("no answers after the restarts")
	}
	t.Logf("%d answers, %d unavailable, restarts %v", good.Load(), lost.Load(), r.list())
}

func waitUp(t *testing.T, e *Engine, not int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); e.PID() == 0 || e.PID() == not; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child did not come back")
		}
	}
}

func TestAbortHangExit(t *testing.T) {
	r := &restarts{}
	e, err := start(t, "fault", r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, reason string }{{"abort", ReasonCrashed}, {"hang", ReasonHung}, {"exit", ReasonCrashed}} {
		pid := e.PID()
		if _, err := e.Infer(context.Background(), named(c.name)); !errors.Is(err, shadow.ErrUnavailable) {
			t.Errorf("%s: %v", c.name, err)
		}
		waitUp(t, e, pid)
		if list := r.list(); list[len(list)-1] != c.reason {
			t.Errorf("%s: restarts %v", c.name, list)
		}
		if out, err := e.Infer(context.Background(), named("fine")); err != nil || len(out) != 1 {
			t.Errorf("after %s: %v", c.name, err)
		}
	}
	if _, err := e.Infer(context.Background(), named("refuse")); !errors.Is(err, shadow.ErrClosed) {
		t.Errorf("an error did not cross the socket: %v", err)
	}
}

func TestModelThatDoesNotLoad(t *testing.T) {
	digits(t)
	if _, err := start(t, "absent.onnx", &restarts{}); !errors.Is(err, shadow.ErrModel) {
		t.Errorf("absent: %v", err)
	}
	if _, err := start(t, "abort at load", &restarts{}); !errors.Is(err, shadow.ErrModel) {
		t.Errorf("abort at load: %v", err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	e, err := start(t, "fault", &restarts{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Infer(context.Background(), named("x")); !errors.Is(err, shadow.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func FuzzDecode(f *testing.F) {
	seed := func(build func(*encoder)) {
		e := &encoder{}
		build(e)
		e.flush()
		var all []byte
		for _, p := range e.parts {
			all = append(all, p...)
		}
		f.Add(all)
	}
	text := shadow.Sample{{Name: "s", Type: tensor.Bytes, Shape: []int64{2}, Strings: [][]byte{[]byte("a"), []byte("")}}}
	seed(func(e *encoder) { e.samples([]shadow.Sample{image(1), text, {}}) })
	seed(func(e *encoder) { e.results([]shadow.Result{{Outputs: image(1)}, {Err: shadow.ErrInput}}, nil) })
	seed(func(e *encoder) { e.results(nil, shadow.ErrClosed) })
	f.Fuzz(func(t *testing.T, body []byte) {
		samples, err := decodeSamples(body)
		if err == nil {
			for _, s := range samples {
				for _, x := range s {
					if x.Validate() != nil {
						t.Fatal("an invalid tensor was accepted")
					}
				}
			}
		}
		_, _ = decodeResults(body)
	})
}

// BenchmarkTransport compares a batch of 64 inputs of 12 KB through the child
// with the same engine in this process: CPU time of both processes, medians of
// interleaved rounds. Bar: 1.05.
func BenchmarkTransport(b *testing.B) {
	path := filepath.Join("..", "..", "..", "shared", "data", "onnx", "cifar10-cnn.onnx")
	if _, err := os.Stat(path); err != nil {
		b.Skip("the model is not here: ", err)
	}
	digits(b)
	settings := onnx.Settings{Path: path, Providers: onnx.CPU(), MaxBatch: 64}
	direct, err := onnx.Open(settings)
	if err != nil {
		b.Fatal(err)
	}
	defer direct.Close()
	abs, _ := filepath.Abs(path)
	exe, _ := os.Executable()
	e, err := Start(context.Background(), Settings{Command: []string{exe}, Env: append(os.Environ(), workerEnv+"=1"), Spec: spec{Model: abs},
		StartTimeout: 20 * time.Second, HangTimeout: time.Minute, Logger: slog.New(slog.DiscardHandler), Restarted: func(string, int) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	batch := make([]shadow.Sample, 64)
	for i := range batch {
		batch[i] = shadow.Sample{tensor.FromFloat32s("modelInput", make([]float32, 3*32*32), 1, 3, 32, 32)}
	}
	run := func(engine shadow.Engine) {
		for range 5 {
			if r, err := engine.Infer(context.Background(), batch); err != nil || r[0].Err != nil {
				b.Fatal(err, r)
			}
		}
	}
	var here, there []time.Duration
	for b.Loop() {
		before := used(syscall.RUSAGE_SELF)
		run(direct)
		here = append(here, used(syscall.RUSAGE_SELF)-before)
		before = used(syscall.RUSAGE_SELF) + ofProcess(b, e.PID())
		run(e)
		there = append(there, used(syscall.RUSAGE_SELF)+ofProcess(b, e.PID())-before)
	}
	slices.Sort(here)
	slices.Sort(there)
	a, c := here[len(here)/2], there[len(there)/2]
	b.ReportMetric(float64(a)/5e3, "direct_us/batch")
	b.ReportMetric(float64(c)/float64(a), "x_of_direct")
	b.ReportMetric(0, "ns/op")
}

func TestConformance(t *testing.T) {
	path := digits(t)
	shadowtest.Run(t, func(t *testing.T) shadow.Engine {
		e, err := start(t, path, &restarts{})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}, shadowtest.Digits(t))
}
