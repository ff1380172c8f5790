package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

var _ pipeline.Source = (*Source)(nil)

const (
	inputs  = "seldon.ns.model.iris.inputs"
	outputs = "seldon.ns.model.iris.outputs"
	free    = "anything"
)

func cluster(t *testing.T, options ...kfake.Opt) (*kfake.Cluster, *kgo.Client) {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(2, inputs, outputs, free, "dead")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	p, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return c, p
}

func produce(t *testing.T, p *kgo.Client, topic, key string, value []byte, headers ...string) {
	t.Helper()
	r := &kgo.Record{Topic: topic, Value: value}
	if key != "" {
		r.Key = []byte(key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	if err := p.ProduceSync(t.Context(), r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// protobuf is a v2 message of one tensor [1, 2], request or response.
func protobuf(field protowire.Number, value byte) []byte {
	text := func(b []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	tensor := text(text(nil, 1, "x"), 2, "UINT8")
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 3, protowire.BytesType), []byte{1, 2})
	b := text(nil, 1, "iris_1")
	b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), tensor)
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), []byte{value, value})
}

// observed is what a test's source did.
type observed struct {
	mu       sync.Mutex
	captures map[string]*record.Capture
	repeats  int
	drops    map[string]int
}

func newObserved() *observed {
	return &observed{captures: map[string]*record.Capture{}, drops: map[string]int{}}
}

func (o *observed) Anomaly(string) {}

func (o *observed) Dropped(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drops[reason]++
}

func (o *observed) emit(c *record.Capture) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.captures[c.ID] != nil {
		o.repeats++
	}
	o.captures[c.ID] = c
}

func (o *observed) wait(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		o.mu.Lock()
		ok := ready()
		o.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s for %s: %d captures, drops %v", what, len(o.captures), o.drops)
		}
	}
}

// run starts a source; the function it returns ends it.
func run(t *testing.T, brokers []string, o *observed, change func(*Settings)) (*Source, func()) {
	t.Helper()
	s := Settings{Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})), Brokers: brokers, Topics: []string{inputs, outputs, free}, Group: "g", Sampler: taptest.All{}, Observer: o, DeadLetter: "dead",
		Options: []kgo.Opt{kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond })}}
	if change != nil {
		change(&s)
	}
	x, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := x.Run(ctx, o.emit); err != nil {
			t.Error(err)
		}
	})
	var once sync.Once
	stop := func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return x, stop
}

func TestForms(t *testing.T) {
	c, p := cluster(t)
	o := newObserved()
	x, stop := run(t, c.ListenAddrs(), o, nil)
	produce(t, p, outputs, "", protobuf(6, 9), "x-request-id", "sel-1") // the answer first
	produce(t, p, inputs, "", protobuf(7, 5), "x-request-id", "sel-1", "traceparent", "tp")
	produce(t, p, free, "mls-1", []byte(`{"id":"other","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`), "mlserver-model", "iris")
	produce(t, p, free, "mls-1", []byte(`{"model_name":"iris","model_version":"4","id":"mls-1","outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[3]}]}`))
	produce(t, p, free, "", []byte(`{"id":"line-1","request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}}`))
	produce(t, p, free, "k", []byte("\xff\xff poison"))
	produce(t, p, free, "k", []byte(`{"neither":1}`))
	o.wait(t, "all forms", func() bool { return len(o.captures) == 3 && o.drops["poison"] == 2 })
	decoder := oip.NewDecoder(nil, 1<<20)
	for id, want := range map[string]struct {
		model, version string
		output         float64
	}{"sel-1": {"iris", "", 9}, "mls-1": {"iris", "4", 3}} {
		records, err := decoder.Decode(o.captures[id])
		if err != nil || len(records) != 1 {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if r := records[0]; r.Model != want.model || r.Version != want.version || r.Inputs[0].Len() != 2 || r.Outputs[0].Float64At(0) != want.output {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if c := o.captures["sel-1"]; c.TraceParent != "tp" || c.Tap != "kafka" {
		t.Errorf("%+v", c)
	}
	if n := len(o.captures["line-1"].Records); n != 1 {
		t.Errorf("the line has %d records", n)
	}
	if lags, err := x.Lag(t.Context()); lags[free] != 0 || err != nil {
		t.Errorf("lag %v, %v", lags, err)
	}
	stop()
	letters(t, c.ListenAddrs(), 2)
}

// letters wants n records in the topic of dead letters.
func letters(t *testing.T, brokers []string, n int) {
	t.Helper()
	r, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics("dead"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for n > 0 && ctx.Err() == nil {
		fetches := r.PollFetches(ctx)
		n -= fetches.NumRecords()
		if err := fetches.Err(); err != nil {
			t.Log(err)
		}
	}
	if n != 0 {
		t.Errorf("%d dead letters are missing", n)
	}
}

// What waited for its other half when the source ended is read again.
func TestRestartLosesNothing(t *testing.T) {
	c, p := cluster(t)
	first := newObserved()
	_, stop := run(t, c.ListenAddrs(), first, nil)
	for i := range 20 {
		id := fmt.Sprint("r", i)
		produce(t, p, inputs, "", protobuf(7, 1), "x-request-id", id)
		if i < 10 {
			produce(t, p, outputs, "", protobuf(6, 1), "x-request-id", id)
		}
	}
	first.wait(t, "the answered ones", func() bool { return len(first.captures) == 10 })
	stop()
	second := newObserved()
	_, stop = run(t, c.ListenAddrs(), second, nil)
	for i := 10; i < 20; i++ {
		produce(t, p, outputs, "", protobuf(6, 1), "x-request-id", fmt.Sprint("r", i))
	}
	second.wait(t, "the others", func() bool {
		for i := 10; i < 20; i++ {
			if second.captures[fmt.Sprint("r", i)] == nil {
				return false
			}
		}
		return true
	})
	stop()
	if first.repeats+second.repeats > 0 {
		t.Errorf("%d and %d emitted twice", first.repeats, second.repeats)
	}
}

// Lines over many partitions, two members that come and go: everything arrives.
func TestRebalance(t *testing.T) {
	c, p := cluster(t)
	a, b := newObserved(), newObserved()
	_, stopA := run(t, c.ListenAddrs(), a, nil)
	line := func(i int) []byte {
		return fmt.Appendf(nil, `{"id":"n%d","request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[%d]}]}}`, i, i)
	}
	const n = 300
	for i := range n {
		if i == 100 {
			_, stopB := run(t, c.ListenAddrs(), b, nil)
			defer stopB()
		}
		if i == 200 {
			stopA()
		}
		produce(t, p, free, fmt.Sprint(i), line(i))
	}
	b.wait(t, "everything", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		union := map[string]bool{}
		for id := range a.captures {
			union[id] = true
		}
		for id := range b.captures {
			union[id] = true
		}
		return len(union) == n
	})
}

func TestOrphansAndBounds(t *testing.T) {
	c, p := cluster(t)
	o := newObserved()
	_, _ = run(t, c.ListenAddrs(), o, func(s *Settings) { s.TTL = 200 * time.Millisecond; s.MaxPending = 3 })
	for i := range 6 {
		produce(t, p, inputs, "", protobuf(7, 1), "x-request-id", fmt.Sprint(i))
	}
	produce(t, p, outputs, "", protobuf(6, 1), "x-request-id", "alone")
	o.wait(t, "orphans", func() bool { return o.drops["orphan_request"] == 6 && o.drops["orphan_response"] == 1 })
}

// While the queue is full nothing is read and nothing is dropped.
func TestBackPressure(t *testing.T) {
	c, p := cluster(t)
	o := newObserved()
	var mu sync.Mutex
	full := true
	lag := int64(-1)
	_, _ = run(t, c.ListenAddrs(), o, func(s *Settings) {
		s.Full = func() bool { mu.Lock(); defer mu.Unlock(); return full }
		s.Lag = func(topic string, n int64) {
			mu.Lock()
			defer mu.Unlock()
			if topic == free {
				lag = n
			}
		}
		s.LagEvery = 20 * time.Millisecond
	})
	lags := func(n int64) func() bool { return func() bool { mu.Lock(); defer mu.Unlock(); return lag == n } }
	for i := range 50 {
		produce(t, p, free, "", fmt.Appendf(nil, `{"id":"n%d","request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}}`, i))
	}
	o.wait(t, "the lag of what is not read", lags(50))
	o.mu.Lock()
	if len(o.captures) > 0 {
		t.Errorf("%d captures though full", len(o.captures))
	}
	o.mu.Unlock()
	mu.Lock()
	full = false
	mu.Unlock()
	o.wait(t, "the rest", func() bool { return len(o.captures) == 50 })
	if d := cmp.Diff(map[string]int{}, o.drops); d != "" {
		t.Errorf("drops:\n%s", d)
	}
	o.wait(t, "no lag", lags(0))
}

func TestBrokersThatComeLater(t *testing.T) {
	o := newObserved()
	probe, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	addrs := probe.ListenAddrs()
	probe.Close() // its port is free now, and nobody listens
	_, _ = run(t, addrs, o, nil)
	time.Sleep(100 * time.Millisecond)
	var port int
	if _, err := fmt.Sscanf(addrs[0][len("127.0.0.1:"):], "%d", &port); err != nil {
		t.Fatal(err)
	}
	_, p := cluster(t, kfake.Ports(port))
	produce(t, p, free, "", []byte(`{"id":"late","request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}}`))
	o.wait(t, "the record", func() bool { return o.captures["late"] != nil })
}

func TestSettings(t *testing.T) {
	if _, err := New(Settings{}); !errors.Is(err, ErrSettings) {
		t.Errorf("New = %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(inputs, protobuf(7, 1))
	f.Add(outputs, protobuf(6, 1))
	f.Add(free, []byte(`{"request":{}}`))
	f.Fuzz(func(_ *testing.T, topic string, value []byte) {
		read(&kgo.Record{Topic: topic, Value: value})
	})
}
