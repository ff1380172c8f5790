package real

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/kafka"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

const brokerConfiguration = `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:%[2]s
listeners=PLAINTEXT://127.0.0.1:%[1]s,CONTROLLER://127.0.0.1:%[2]s,SECURE://127.0.0.1:%[3]s
advertised.listeners=PLAINTEXT://127.0.0.1:%[1]s,SECURE://127.0.0.1:%[3]s
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_gnomon="secret";
log.dirs=%[4]s
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.enable=false
num.network.threads=1
num.io.threads=2
`

// broker starts Apache Kafka and returns its addresses, in the clear and with
// SASL.
func broker(t *testing.T) (clear, secure string) {
	t.Helper()
	home := filepath.Join(root(t), ".cache", "real", "kafka")
	if _, err := os.Stat(filepath.Join(home, ".complete")); err != nil {
		t.Skip("SKIP: kafka is not installed; make servers does that, where there are java and mvn")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		t.Skip("SKIP: no java")
	}
	dir := t.TempDir()
	plain, controller, sasl := freePort(t), freePort(t), freePort(t)
	file := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(file, fmt.Appendf(nil, brokerConfiguration, plain, controller, sasl, filepath.Join(dir, "data")), 0o600); err != nil {
		t.Fatal(err)
	}
	classes := filepath.Join(home, "lib", "*")
	if out, err := exec.Command(java, "-cp", classes, "kafka.tools.StorageTool", "format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c", file).CombinedOutput(); err != nil {
		t.Fatalf("format: %v\n%s", err, out)
	}
	start(t, exec.Command(java, "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes, "kafka.Kafka", file), func() bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+plain, time.Second)
		if err != nil {
			return false
		}
		c.Close()
		return true
	})
	return "127.0.0.1:" + plain, "127.0.0.1:" + sasl
}

// observed is what a source found.
type observed struct {
	mu       sync.Mutex
	captures map[string]*record.Capture
	drops    map[string]int
	lag      map[string]int64
}

func (o *observed) Anomaly(string) {}

func (o *observed) Dropped(reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drops[reason]++
}

func (o *observed) wait(t *testing.T, what string, ready func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		o.mu.Lock()
		ok := ready()
		o.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s: %d captures, drops %v, lag %v", what, len(o.captures), o.drops, o.lag)
		}
	}
}

// TestKafka: MLServer takes requests from a topic of a real Kafka and answers
// into another; the tap, a member with SASL, pairs them, passes poison by and
// knows its lag.
func TestKafka(t *testing.T) {
	venv := environment(t, "mlserver")
	address, secure := broker(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ConsumeTopics("dead"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for _, topic := range []string{"mls-in", "mls-out", "dead"} { // MLServer wants it to be there
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("\xffpoison")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	onKafka(t, venv, address)

	o := &observed{captures: map[string]*record.Capture{}, drops: map[string]int{}, lag: map[string]int64{}}
	mechanism, err := kafka.NewMechanism("plain", "gnomon", "secret")
	if err != nil {
		t.Fatal(err)
	}
	source, err := kafka.New(kafka.Settings{Brokers: []string{secure}, SASL: mechanism, Topics: []string{"mls-in", "mls-out"}, Group: "gnomon", DeadLetter: "dead", Sampler: taptest.All{}, Observer: o,
		Lag: func(topic string, n int64) { o.mu.Lock(); o.lag[topic] = n; o.mu.Unlock() }, LagEvery: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- source.Run(running, func(c *record.Capture) { o.mu.Lock(); o.captures[c.ID] = c; o.mu.Unlock() })
	}()
	request := func(key string, i int) {
		body := fmt.Appendf(nil, `{"id":"body-%d","inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,%d]}]}`, i, i)
		r := &kgo.Record{Topic: "mls-in", Key: []byte(key), Value: body, Headers: []kgo.RecordHeader{{Key: "mlserver-model", Value: []byte("iris")}}}
		if err := client.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	// MLServer reads from the end of its topic, from when it is ready to.
	warm := func() bool { o.mu.Lock(); defer o.mu.Unlock(); return len(o.captures) > 0 }
	for i := 0; !warm() && ctx.Err() == nil; i++ {
		request(fmt.Sprint("warm-", i), 0)
		time.Sleep(200 * time.Millisecond)
	}
	const n = 20
	for i := range n {
		request(fmt.Sprint("key-", i), i)
	}
	o.wait(t, "the answered requests and the poison", func() bool {
		for i := range n {
			if o.captures[fmt.Sprint("key-", i)] == nil {
				return false
			}
		}
		return o.drops[kafka.DroppedPoison] == 2
	})
	// A request that was not answered is open for the TTL.
	o.wait(t, "no lag", func() bool { out, ok := o.lag["mls-out"]; return ok && out == 0 })
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	decoder := oip.NewDecoder(nil, 1<<20)
	for i := range n {
		records, err := decoder.Decode(o.captures[fmt.Sprint("key-", i)])
		if err != nil {
			t.Fatal(err)
		}
		if r := records[0]; r.Model != "iris" || r.Inputs[0].Float64At(3) != float64(i) || len(r.Outputs) != 1 || r.Outputs[0].Len() != 3 {
			t.Errorf("record %d: %+v", i, r)
		}
	}
	letters := 0
	for letters < 3 && ctx.Err() == nil { // the one that made the topic, and the two
		letters += client.PollFetches(ctx).NumRecords()
	}
}

// onKafka starts MLServer with its Kafka in and out.
func onKafka(t *testing.T, venv, address string) {
	t.Helper()
	models := filepath.Join(t.TempDir(), "models")
	if err := os.CopyFS(models, os.DirFS("testdata/mlserver")); err != nil {
		t.Fatal(err)
	}
	model(t, "iris-mlp.onnx", filepath.Join(models, "iris", "model.onnx"))
	port := freePort(t)
	cmd := exec.Command(filepath.Join(venv, "bin", "mlserver"), "start", ".")
	cmd.Dir = models
	cmd.Env = append(os.Environ(), "PYTHONPATH="+models, "MLSERVER_HTTP_PORT="+port, "MLSERVER_GRPC_PORT="+freePort(t), "MLSERVER_METRICS_PORT="+freePort(t),
		"MLSERVER_KAFKA_ENABLED=true", "MLSERVER_KAFKA_SERVERS="+address, "MLSERVER_KAFKA_TOPIC_INPUT=mls-in", "MLSERVER_KAFKA_TOPIC_OUTPUT=mls-out")
	serve(t, cmd, "http://127.0.0.1:"+port+"/v2/models/iris/ready")
}
