package training

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/protobuf/encoding/protowire"
)

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func find(points []Point, metric string) []float64 {
	var out []float64
	for _, p := range points {
		if p.Metric == metric {
			out = append(out, p.Value)
		}
	}
	return out
}

// TestMetricsFile: lines are read once they are whole; NaN as Python writes it;
// a file that was replaced is read from its beginning.
func TestMetricsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.jsonl")
	m := &metricsFile{path: path}
	read := func() []Point {
		t.Helper()
		p, err := m.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, err := m.Read(t.Context()); err == nil {
		t.Error("a file that is not there")
	}
	appendTo(t, path, `{"step": 1, "loss": 2.5, "lr": 0.1, "time": "2026-01-01T00:00:00Z", "note": "say \"NaN\""}`+"\n"+`{"step": 2, "lo`)
	if p := read(); len(p) != 2 || p[0].Step != 1 || p[0].Time.Unix() != 1767225600 {
		t.Errorf("%+v", p)
	}
	appendTo(t, path, `ss": NaN, "timestamp": 1767225601.5, "text": "NaN \\\" Infinity"}`+"\n"+`{"step": 3, "loss": -Infinity}`+"\n")
	p := read()
	if l := find(p, "loss"); len(l) != 2 || !math.IsNaN(l[0]) || !math.IsInf(l[1], -1) || p[0].Step != 2 || p[0].Time.UnixMilli() != 1767225601500 {
		t.Errorf("%+v", p)
	}
	appendTo(t, path, "oops\n"+`{"loss": 1}`+"\n")
	if p, err := m.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "1 lines") || len(find(p, "loss")) != 1 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := os.WriteFile(path, []byte("step,loss\n1,0.5\n2,nan\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l := find(read(), "loss"); len(l) != 2 || l[0] != .5 || !math.IsNaN(l[1]) {
		t.Errorf("CSV in its place: %v", l)
	}
	appendTo(t, path, "3,0.25\n")
	if p := read(); len(p) != 1 || p[0].Step != 3 || p[0].Value != .25 {
		t.Errorf("%+v", p)
	}
}

// frame is a TFRecord.
func frame(data []byte) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	out = binary.LittleEndian.AppendUint32(out, masked(out))
	out = append(out, data...)
	return binary.LittleEndian.AppendUint32(out, masked(data))
}

// TestTensorBoard reads a file that tensorboardX wrote (testdata/events.py), in
// whole and byte by byte as it would grow.
func TestTensorBoard(t *testing.T) {
	real, err := os.ReadFile("testdata/events.out.tfevents.1767225600.host")
	if err != nil {
		t.Fatal(err)
	}
	check := func(points []Point) {
		t.Helper()
		loss, accuracy := find(points, "train/loss"), find(points, "train/accuracy")
		if len(loss) != 5 || len(accuracy) != 5 {
			t.Fatalf("%+v", points)
		}
		for i, v := range loss {
			want := 2 / float64(i+1)
			if i == 4 {
				want = math.NaN()
			}
			if math.Abs(v-want) > 1e-6 || math.IsNaN(v) != math.IsNaN(want) {
				t.Errorf("loss %d: %v, want %v", i, v, want)
			}
		}
		if last := points[len(points)-1]; last.Step != 40 || last.Time.Unix() != 1767225640 {
			t.Errorf("%+v", last)
		}
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "run1", "events.out.tfevents.1.host")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	whole := &eventFiles{dir: "testdata"}
	points, err := whole.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check(points)
	if more, err := whole.Read(t.Context()); err != nil || len(more) != 0 {
		t.Errorf("again: %v, %v", more, err)
	}
	grows := &eventFiles{dir: dir}
	points = nil
	for i := 0; i < len(real); i += 7 {
		appendTo(t, path, string(real[i:min(i+7, len(real))]))
		p, err := grows.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		points = append(points, p...)
	}
	check(points)
	// A record that fails its checksum ends the file, and is told once.
	bad := bytes.Clone(frame([]byte("x")))
	bad[12] ^= 1
	appendTo(t, path, string(bad))
	if _, err := grows.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Error(err)
	}
	if _, err := grows.Read(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTensorScalar: TensorFlow 2 writes scalars as tensors.
func TestTensorScalar(t *testing.T) {
	field := func(b []byte, n protowire.Number, body []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), body)
	}
	float := binary.LittleEndian.AppendUint32(nil, math.Float32bits(.25))
	for name, tensor := range map[string][]byte{
		"content": field([]byte{1 << 3, 1}, 4, float),
		"packed":  field([]byte{1 << 3, 1}, 5, float),
		"plain":   append([]byte{1 << 3, 1, 5<<3 | 5}, float...),
		"double":  field([]byte{1 << 3, 2}, 4, binary.LittleEndian.AppendUint64(nil, math.Float64bits(.25))),
	} {
		event := append([]byte{2 << 3, 7}, field(nil, 5, field(nil, 1, field(field(nil, 1, []byte("epoch_loss")), 8, tensor)))...)
		points, err := scalars(event)
		if err != nil || len(points) != 1 || points[0] != (Point{Metric: "epoch_loss", Step: 7, Value: .25}) {
			t.Errorf("%s: %+v, %v", name, points, err)
		}
	}
}

// TestLog: every line is seen once, and only when it is whole.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := &jobLog{path: path}
	var seen []string
	read := func() {
		if err := l.read(func(s string) { seen = append(seen, s) }); err != nil {
			t.Fatal(err)
		}
	}
	appendTo(t, path, "step 1\nRuntimeError: CUDA out of")
	read()
	appendTo(t, path, " memory\n")
	read()
	read()
	if len(seen) != 2 || seen[1] != "RuntimeError: CUDA out of memory\n" {
		t.Errorf("%q", seen)
	}
}

const mlflowAnswer = `{"run": {"info": {"run_id": "r1", "status": "RUNNING"}, "data": {"metrics": [
 {"key": "loss", "value": 0.5, "timestamp": %d, "step": %d}, {"key": "grad", "value": NaN, "timestamp": 1767225600000, "step": 1}, {"key": "odd", "value": {}}]}}}`

func TestMLflow(t *testing.T) {
	step := 1
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/2.0/mlflow/runs/get" || r.URL.Query().Get("run_id") != "r1" {
			http.Error(w, `{"error_code": "RESOURCE_DOES_NOT_EXIST"}`, http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, mlflowAnswer, 1767225600000+step*1000, step)
	}))
	defer server.Close()
	m := &mlflowRun{url: server.URL + "/", run: "r1", client: server.Client()}
	points, err := m.Read(t.Context())
	if err != nil || len(points) != 2 || points[0].Value != .5 || points[0].Step != 1 || !math.IsNaN(points[1].Value) || m.status != "RUNNING" {
		t.Fatalf("%+v, %v", points, err)
	}
	if points, _ := m.Read(t.Context()); len(points) != 0 {
		t.Errorf("nothing is new: %+v", points)
	}
	step = 2
	if points, _ := m.Read(t.Context()); len(points) != 1 || points[0].Step != 2 {
		t.Errorf("%+v", points)
	}
	gone := &mlflowRun{url: server.URL, run: "r2", client: server.Client()}
	if _, err := gone.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "RESOURCE_DOES_NOT_EXIST") {
		t.Error(err)
	}
}

// TestCurve: noise, plateaus and spikes are no divergence; losing half of the
// progress, starting to grow, and NaN are.
func TestCurve(t *testing.T) {
	run := func(seed uint64, f func(i int, noise float64) float64) (at int) {
		r := rand.New(rand.NewPCG(5, seed))
		c := curve{}
		for i := range 1000 {
			if c.add(f(i, r.NormFloat64())) {
				return i
			}
		}
		return -1
	}
	for _, c := range []struct {
		name     string
		f        func(i int, noise float64) float64
		diverges bool
	}{
		{"decay with noise", func(i int, e float64) float64 { return 2*math.Exp(-float64(i)/200) + .1 + .05*e }, false},
		{"plateau", func(_ int, e float64) float64 { return 1 + .05*e }, false},
		{"noisy plateau", func(_ int, e float64) float64 { return 1 + .3*e }, false},
		{"log-likelihood", func(i int, e float64) float64 { return -float64(i)/100 + .1*e }, false},
		{"spikes", func(i int, e float64) float64 {
			if i%50 == 20 {
				return 40
			}
			return 2/(1+float64(i)/50) + .01*e
		}, false},
		{"turns after 500", func(i int, e float64) float64 { return math.Abs(500-float64(i))/500 + .1 + .02*e }, true},
		{"grows at once", func(i int, e float64) float64 { return .7*math.Exp(float64(i)/50) + .02*e }, true},
		{"NaN at 700", func(i int, e float64) float64 {
			if i == 700 {
				return math.NaN()
			}
			return 1 + .02*e
		}, true},
		{"negative, returns", func(i int, e float64) float64 { return -5 + 4*math.Abs(math.Cos(float64(i)/300)) + .05*e }, true},
	} {
		for seed := range uint64(20) {
			if at := run(seed, c.f); (at >= 0) != c.diverges {
				t.Errorf("%s, seed %d: diverged at %d", c.name, seed, at)
			}
		}
	}
}

// TestJob plays a job: it steps, saves, uses its GPUs too little, turns to NaN,
// and stalls.
func TestJob(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1.8e9, 0)
	c := config.Training{Job: "nightly", Model: "churn", Metrics: filepath.Join(dir, "m.jsonl"), Checkpoints: filepath.Join(dir, "ckpt-*")}
	config.TrainingDefaults(&c)
	utilization, charged := .8, 0.
	log := &bytes.Buffer{}
	j := NewJob(c, Options{Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(log, nil)), GPU: func() (float64, bool) { return utilization, true }, Currency: "EUR", Charge: func(s float64) float64 { charged += s; return 2 * s }})
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(&Collector{Jobs: []*Job{j}})
	j.Tick(t.Context()) // nothing is there yet
	for i := 1; i <= 30; i++ {
		now = now.Add(10 * time.Second)
		appendTo(t, c.Metrics, fmt.Sprintf(`{"step": %d, "loss": %v, "time": %d}`+"\n", i*5, 2/float64(i), now.Unix()))
		if i == 20 {
			utilization = .5
			ckpt := filepath.Join(dir, "ckpt-20")
			if err := os.Mkdir(ckpt, 0o700); err != nil {
				t.Fatal(err)
			}
			appendTo(t, filepath.Join(ckpt, "weights"), "12345678")
			if err := os.Chtimes(filepath.Join(ckpt, "weights"), now, now); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(ckpt, now, now); err != nil {
				t.Fatal(err)
			}
		}
		j.Tick(t.Context())
	}
	s := j.State()
	if s.Step != 150 || math.Abs(s.StepTime-2) > 1e-9 || s.Diverged || s.Loss != 2./30 || j.Stalled(&s) || s.Checkpoints != 1 || s.CheckpointSize != 8 || !s.Checkpoint.Equal(now.Add(-100*time.Second)) {
		t.Errorf("%+v", s)
	}
	if s.Band["within"] != 190 || s.Band["below"] != 110 || charged != 300 || s.Cost != 600 {
		t.Errorf("band %v, charged %v", s.Band, charged)
	}
	appendTo(t, c.Metrics, `{"step": 155, "loss": NaN}`+"\n")
	now = now.Add(10 * time.Second)
	j.Tick(t.Context())
	now = now.Add(time.Duration(c.StalledAfter) + time.Second)
	j.Tick(t.Context())
	want := `
# HELP gnomon_training_diverged 1 while the loss has lost more than half of the progress that it had made, or is not a number, else 0.
# TYPE gnomon_training_diverged gauge
gnomon_training_diverged{job_name="nightly",model="churn"} 1
# HELP gnomon_training_non_finite_losses_total Losses that were NaN or infinite.
# TYPE gnomon_training_non_finite_losses_total counter
gnomon_training_non_finite_losses_total{job_name="nightly",model="churn"} 1
# HELP gnomon_training_stalled 1 while no new step has come for training.stalled_after, else 0.
# TYPE gnomon_training_stalled gauge
gnomon_training_stalled{job_name="nightly",model="churn"} 1
# HELP gnomon_training_step Last step that the job wrote.
# TYPE gnomon_training_step gauge
gnomon_training_step{job_name="nightly",model="churn"} 155
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "gnomon_training_diverged", "gnomon_training_non_finite_losses_total", "gnomon_training_stalled", "gnomon_training_step", "gnomon_training_loss"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "no such file") {
		t.Errorf("said: %s", log)
	}
}

func FuzzRecord(f *testing.F) {
	real, err := os.ReadFile("testdata/events.out.tfevents.1767225600.host")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(real)
	f.Add(frame([]byte{9, 0, 0, 0, 0, 0, 0, 0, 0}))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			data, n, err := record(b)
			if err != nil || n == 0 {
				_, _ = scalars(b) // without its frame
				return
			}
			_, _ = scalars(data)
			b = b[n:]
		}
	})
}

func FuzzMetricsFile(f *testing.F) {
	f.Add([]byte("{\"step\": 1, \"loss\": NaN}\nstep,loss\n1,2\n"))
	f.Add([]byte(`{"a": "\\", "b": -Infinity}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "m")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Skip(err)
		}
		_, _ = (&metricsFile{path: path}).Read(context.Background())
	})
}

func FuzzRun(f *testing.F) {
	f.Add([]byte(fmt.Sprintf(mlflowAnswer, 1, 1)))
	f.Fuzz(func(t *testing.T, b []byte) { _, _, _ = parseRun(b) })
}
