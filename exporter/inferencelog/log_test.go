package inferencelog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/redact"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// loans is a model with two numbers in one input and a text in another.
type loans struct{ e *feature.Extractor }

func (m loans) Features(string) *feature.Extractor   { return m.e }
func (m loans) ClassName(_ string, class int) string { return []string{"no", "yes"}[class] }

type all struct{}

func (all) Keep(key string) bool { return key != "other cohort" }

func newLoans(t testing.TB) loans {
	t.Helper()
	e, err := feature.New([]shadow.IO{{Name: "x", Type: tensor.Float32, Shape: []int64{-1, 2}}, {Name: "city", Type: tensor.Bytes, Shape: []int64{-1, 1}}}, []string{"age", "income", "city"})
	if err != nil {
		t.Fatal(err)
	}
	return loans{e}
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func observation(i int) record.Observation {
	city := tensor.Tensor{Name: "city", Type: tensor.Bytes, Shape: []int64{1, 1}, Strings: [][]byte{[]byte("Lima")}}
	return record.Observation{
		Record: record.Record{ID: fmt.Sprint("r-", i), Model: "loans", Version: "2", Tap: "http", Key: fmt.Sprint("user-", i), Time: start.Add(time.Duration(i) * time.Second), Latency: 5 * time.Millisecond,
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			Inputs:      []tensor.Tensor{tensor.FromFloat32s("x", []float32{float32(20 + i), 1234.5}, 1, 2), city},
			Outputs:     []tensor.Tensor{tensor.FromFloat32s("p", []float32{.25, .75}, 1, 2)},
			Metadata:    map[string]string{"region": "eu", "secret": "s3cr3t"}},
		Primary: &compare.Prediction{Class: 1, Confidence: .75, Probabilities: []float64{.25, .75}},
	}
}

type rig struct {
	*Log
	dir   string
	now   time.Time
	store *Store
	reg   *prometheus.Registry
}

func rules(list ...redact.Rule) []redact.Rule {
	for i := range list {
		if list[i].Action == "" {
			list[i].Action = redact.Keep
		}
	}
	return list
}

func newRig(t testing.TB, s StoreSettings, list []redact.Rule) *rig {
	t.Helper()
	x := &rig{dir: filepath.Join(t.TempDir(), "log"), now: start, reg: prometheus.NewRegistry()}
	s.Directory = x.dir
	r, err := redact.New(list, []byte("0123456789abcdef"), nil)
	if err != nil {
		t.Fatal(err)
	}
	x.store = NewStore(s)
	x.Log = New(Settings{Store: x.store, Models: newLoans(t), Sampler: all{}, Redactor: r, DigestKey: []byte("key"), RotateBytes: 1 << 20, Registerer: x.reg,
		Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return x.now }})
	return x
}

func (x *rig) observe(from, to int) {
	for i := from; i < to; i++ {
		x.Observe([]record.Observation{observation(i)})
	}
}

func (x *rig) files(t testing.TB) []string {
	t.Helper()
	all, err := x.store.list()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range all {
		out = append(out, f.path)
	}
	return out
}

// columns is every column of the only file.
func (x *rig) columns(t testing.TB) map[string][]any {
	t.Helper()
	files := x.files(t)
	if len(files) != 1 {
		t.Fatalf("%d files", len(files))
	}
	fields, _, err := x.store.read(files[0])
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]any{}
	for _, f := range fields {
		out[f.Name] = f.Values
	}
	return out
}

// TestOnlyWhatIsAllowed: the envelope, and of everything else the fields that
// are named, each as its rule says.
func TestOnlyWhatIsAllowed(t *testing.T) {
	x := newRig(t, StoreSettings{}, rules(redact.Rule{Field: "income", Action: redact.Bucket, Width: 1000}, redact.Rule{Field: "city", Action: redact.Hash}, redact.Rule{Field: "metadata.region"},
		redact.Rule{Field: "prediction"}, redact.Rule{Field: "probabilities"}, redact.Rule{Field: "cohort", Action: redact.Mask, Last: 1}, redact.Rule{Field: "trace_id"}, redact.Rule{Field: "output.p"}))
	x.observe(0, 2)
	x.Observe([]record.Observation{{Record: record.Record{ID: "x", Key: "other cohort"}}})
	x.flush(true)
	got := x.columns(t)
	delete(got, "input_digest")
	hash := x.s.Redactor.Hash("Lima")
	want := map[string][]any{
		"id": {"r-0", "r-1"}, "time": {start, start.Add(time.Second)}, "model": {"loans", "loans"}, "version": {"2", "2"}, "tap": {"http", "http"},
		"outcome": {"success", "success"}, "latency_seconds": {.005, .005}, "income": {1000.0, 1000.0}, "city": {hash, hash}, "metadata": {`{"region":"eu"}`, `{"region":"eu"}`},
		"prediction": {"yes", "yes"}, "confidence": {.75, .75}, "probabilities": {[]float64{.25, .75}, []float64{.25, .75}}, "cohort": {"*****0", "*****1"},
		"trace_id": {"0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c"}, "output_p": {[]float64{.25, .75}, []float64{.25, .75}}, "output_p_shape": {[]int64{1, 2}, []int64{1, 2}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := testutil.ToFloat64(x.metrics.written); n != 2 {
		t.Errorf("%v counted", n)
	}
}

// TestReplaysWhatWasLogged: the tensors that come back are those that went in,
// from columns and whole, with labels that came in time and late.
func TestReplaysWhatWasLogged(t *testing.T) {
	for name, list := range map[string][]redact.Rule{
		"columns": rules(redact.Rule{Field: "*"}, redact.Rule{Field: "label"}, redact.Rule{Field: "output.p"}),
		"tensors": rules(redact.Rule{Field: "tensor.x"}, redact.Rule{Field: "tensor.city"}, redact.Rule{Field: "label"}, redact.Rule{Field: "output.p"}),
	} {
		t.Run(name, func(t *testing.T) {
			x := newRig(t, StoreSettings{}, list)
			x.observe(0, 3)
			x.Accept(record.Label{ID: "r-1", Model: "loans", Class: "no"})
			x.flush(true)
			x.Accept(record.Label{ID: "r-2", Model: "loans", Class: "yes"})
			x.Accept(record.Label{ID: "nobody's", Model: "loans", Class: "yes"})
			x.flush(true)
			r, err := NewReader(x.dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				c, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				want, got := observation(i).Record, c.Records[0]
				if d := cmp.Diff(want.Inputs, got.Inputs); d != "" {
					t.Errorf("inputs of %d: %s", i, d)
				}
				if d := cmp.Diff(want.Outputs, got.Outputs); d != "" {
					t.Errorf("outputs of %d: %s", i, d)
				}
				if got.ID != want.ID || got.Model != "loans" || got.Version != "2" || !got.Time.Equal(want.Time) || got.Latency != want.Latency {
					t.Errorf("record %+v", got)
				}
				if label := []string{"", "no", "yes"}[i]; (got.Label == nil) != (label == "") || got.Label != nil && got.Label.Class != label {
					t.Errorf("label of %d: %+v", i, got.Label)
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
		})
	}
}

// TestReplayOfTheRedacted says which field is in the way.
func TestReplayOfTheRedacted(t *testing.T) {
	x := newRig(t, StoreSettings{}, rules(redact.Rule{Field: "income", Action: redact.Bucket, Width: 10}, redact.Rule{Field: "*"}))
	x.observe(0, 1)
	x.flush(true)
	r, err := NewReader(x.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, ErrReplay) || !strings.Contains(err.Error(), `"income"`) {
		t.Errorf("%v", err)
	}
}

// TestRotation: files appear by age and by size, whole and under their final
// name; nothing is lost when the log ends.
func TestRotation(t *testing.T) {
	x := newRig(t, StoreSettings{}, rules(redact.Rule{Field: "*"}))
	x.observe(0, 10)
	if x.flush(false); len(x.files(t)) != 0 {
		t.Error("a file before its time")
	}
	x.now = x.now.Add(5 * time.Minute)
	if x.flush(false); len(x.files(t)) != 1 {
		t.Errorf("%d files after its age", len(x.files(t)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _ = x.Run(ctx); close(ended) }()
	x.observe(10, 3000) // more than RotateBytes in memory
	cancel()
	<-ended
	rows := 0
	for _, f := range x.files(t) {
		if strings.Contains(f, unfinished) {
			t.Errorf("%s is left", f)
		}
		fields, _, err := x.store.read(f)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(fields[0].Values)
		if st, _ := os.Stat(f); st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", f, st.Mode())
		}
	}
	if got := rows + int(testutil.ToFloat64(x.metrics.dropped)); got != 3000 {
		t.Errorf("%d rows and drops of 3000", got)
	}
}

// TestDiskThatFails: rows are lost and counted, memory stays bounded.
func TestDiskThatFails(t *testing.T) {
	x := newRig(t, StoreSettings{}, rules(redact.Rule{Field: "*"}))
	if err := os.WriteFile(x.dir, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	x.observe(0, 20_000)
	if x.held > 2*x.s.RotateBytes+4096 {
		t.Errorf("%d bytes held", x.held)
	}
	x.flush(true)
	if dropped, failures := testutil.ToFloat64(x.metrics.dropped), testutil.ToFloat64(x.metrics.failures); dropped != 20_000 || failures != 1 {
		t.Errorf("%v dropped, %v failures", dropped, failures)
	}
}

// TestRetention: what is too old goes, then what is too much, oldest first.
func TestRetention(t *testing.T) {
	x := newRig(t, StoreSettings{MaxAge: 24 * time.Hour}, rules(redact.Rule{Field: "*"}))
	for day := range 4 {
		x.now = start.Add(time.Duration(day) * 12 * time.Hour)
		x.observe(day*10, day*10+10)
		x.flush(true)
	}
	x.retain()
	if n := len(x.files(t)); n != 3 {
		t.Errorf("%d files, want the three of the last 24 h", n)
	}
	st, err := os.Stat(x.files(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	x.store.s.MaxBytes = st.Size() + 10
	newest := x.files(t)[2]
	x.retain()
	if got := x.files(t); len(got) != 1 || got[0] != newest {
		t.Errorf("left %v", got)
	}
	if got := testutil.ToFloat64(x.metrics.files); got != 1 {
		t.Errorf("gauge %v", got)
	}
}

// TestDeletion: a subject's rows go, waiting and written, plain and encrypted,
// with their labels and their batch; the others stay as they are.
func TestDeletion(t *testing.T) {
	dir := t.TempDir()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	key, public := filepath.Join(dir, "key.txt"), filepath.Join(dir, "public.txt")
	_ = os.WriteFile(key, []byte(identity.String()+"\n"), 0o600)
	_ = os.WriteFile(public, []byte(identity.Recipient().String()+"\n"), 0o600)
	sealed, err := NewSeal("", key)
	if err != nil {
		t.Fatal(err)
	}
	for name, seal := range map[string]*Seal{"plain": nil, "encrypted": sealed} {
		t.Run(name, func(t *testing.T) {
			x := newRig(t, StoreSettings{Seal: seal}, rules(redact.Rule{Field: "*"}, redact.Rule{Field: "label"}, redact.Rule{Field: "id", Action: redact.Hash}))
			batch := observation(7)
			batch.ID = "r-3#1"
			x.Observe([]record.Observation{batch})
			x.observe(0, 5)
			x.flush(true)
			x.Accept(record.Label{ID: "r-3", Model: "loans", Class: "no"})
			x.flush(true)
			x.observe(3, 4)
			if n, err := x.Delete("r-3"); err != nil || n != 4 {
				t.Errorf("%d removed, %v", n, err)
			}
			x.flush(true)
			if n := len(x.columns(t)["id"]); n != 4 {
				t.Errorf("%d rows left, want 4", n)
			}
		})
	}
	write, err := NewSeal(public, "")
	if err != nil {
		t.Fatal(err)
	}
	x := newRig(t, StoreSettings{Seal: write}, rules(redact.Rule{Field: "*"}))
	x.observe(0, 2)
	x.flush(true)
	if b, _ := os.ReadFile(x.files(t)[0]); !strings.HasPrefix(string(b), "age-encryption.org/v1") || strings.Contains(string(b), "Lima") {
		t.Error("not encrypted")
	}
	if _, err := x.Delete("r-1"); !errors.Is(err, ErrKey) {
		t.Errorf("a public key alone deleted: %v", err)
	}
	x.store.s.Seal = sealed
	to := filepath.Join(dir, "clear")
	if n, err := x.store.Decrypt(to); err != nil || n != 1 {
		t.Errorf("%d decrypted, %v", n, err)
	}
	if r, err := NewReader(to, nil); err != nil {
		t.Error(err)
	} else if c, err := r.Next(); err != nil || c.Records[0].ID != "r-0" {
		t.Error(c, err)
	}
}

// TestKeys: what is no key is said to be none.
func TestKeys(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.txt")
	_ = os.WriteFile(bad, []byte("hello"), 0o600)
	for i, pair := range [][2]string{{bad, ""}, {"", bad}, {"absent", ""}, {"", "absent"}} {
		if _, err := NewSeal(pair[0], pair[1]); !errors.Is(err, ErrKey) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestFolderNames: a model's name cannot leave the folder.
func TestFolderNames(t *testing.T) {
	for _, name := range []string{"..", "../../etc", "/", "", ".", strings.Repeat("ü", 300)} {
		if got := recordsFolder(name, name); !filepath.IsLocal(got) || len(strings.Split(got, string(filepath.Separator))) != 3 {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	x := newRig(b, StoreSettings{}, rules(redact.Rule{Field: "*"}, redact.Rule{Field: "prediction"}))
	list := []record.Observation{observation(1)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		list[0].ID = strconv.Itoa(i)
		x.Observe(list)
		if x.held > x.s.RotateBytes {
			x.ripe(true)
			x.inFlight = 0
		}
	}
}
