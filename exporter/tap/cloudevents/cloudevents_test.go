package cloudevents

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

type rig struct {
	*Receiver
	queue   *queue.Queue
	journal *taptest.Journal
	labels  []record.Label
	now     time.Time
}

func newRig(change func(*Settings)) *rig {
	r := &rig{queue: queue.New(1 << 20), journal: taptest.NewJournal(), now: time.Unix(1000, 0)}
	s := Settings{
		Sampler: taptest.All{}, Observer: r.journal, Budget: r.queue.Budget(), Now: func() time.Time { return r.now },
		Emit: func(c *record.Capture) {
			if !r.queue.Push(c) {
				c.Release()
			}
		},
		Label: func(l record.Label) { r.labels = append(r.labels, l) },
	}
	if change != nil {
		change(&s)
	}
	r.Receiver = New(s)
	return r
}

func (r *rig) send(t *testing.T, body string, header ...string) int {
	t.Helper()
	q := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w.Code
}

const (
	requestType  = "org.kubeflow.serving.inference.request"
	responseType = "org.kubeflow.serving.inference.response"
	request      = `{"id":"r1","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`
	response     = `{"model_name":"iris","id":"r1","outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[3]}]}`
)

func (r *rig) pop(t *testing.T) record.Record {
	t.Helper()
	if r.queue.Len() == 0 {
		t.Fatalf("no capture; drops %v", r.journal.Drops())
	}
	c, err := r.queue.Pop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	records, err := oip.NewDecoder(nil, 1<<20).Decode(c)
	if err != nil || len(records) != 1 {
		t.Fatalf("%v, %v", records, err)
	}
	return records[0]
}

func TestModes(t *testing.T) {
	events := func(kind, data string) map[string][2]string {
		head := fmt.Sprintf(`"specversion":"1.0","id":"e1","source":"s","type":%q,"time":"2026-01-02T03:04:05Z","inferenceservicename":"iris","datacontenttype":"application/json"`, kind)
		return map[string][2]string{
			"structured": {"application/cloudevents+json; charset=utf-8", `{` + head + `,"data":` + data + `}`},
			"base64":     {"application/cloudevents+json", `{` + head + `,"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"}`},
			"batched":    {"application/cloudevents-batch+json", `[{` + head + `,"data":` + data + `}]`},
		}
	}
	requests, responses := events(requestType, request), events(responseType, response)
	for mode := range requests {
		r := newRig(nil)
		for _, e := range [][2]string{responses[mode], requests[mode]} { // in either order
			if code := r.send(t, e[1], "Content-Type", e[0]); code != 202 {
				t.Errorf("%s: %d", mode, code)
			}
		}
		if got := r.pop(t); got.ID != "r1" || got.Model != "iris" || got.Outputs[0].Float64At(0) != 3 || got.Time.Year() != 2026 {
			t.Errorf("%s: %+v", mode, got)
		}
		if r.queue.Bytes() != 0 || r.Pending() != 0 {
			t.Errorf("%s: %d bytes, %d pending", mode, r.queue.Bytes(), r.Pending())
		}
	}
}

func TestOrphansAndRepeats(t *testing.T) {
	r := newRig(func(s *Settings) { s.MaxPending = 3 })
	for i := range 5 {
		r.send(t, request, "Ce-Id", fmt.Sprint(i), "Ce-Type", requestType)
	}
	r.send(t, request, "Ce-Id", "4", "Ce-Type", requestType)
	r.send(t, response, "Ce-Id", "x", "Ce-Type", responseType)
	if d := cmp.Diff(map[string]int{"orphan_request": 3, "repeated": 1}, r.journal.Drops()); d != "" || r.Pending() != 3 {
		t.Errorf("pending %d, drops (-want +got):\n%s", r.Pending(), d)
	}
	r.now = r.now.Add(time.Minute)
	r.Sweep()
	if d := cmp.Diff(map[string]int{"orphan_request": 5, "orphan_response": 1, "repeated": 1}, r.journal.Drops()); d != "" {
		t.Errorf("drops (-want +got):\n%s", d)
	}
	if r.queue.Bytes() != 0 || r.Pending() != 0 {
		t.Errorf("%d bytes, %d pending", r.queue.Bytes(), r.Pending())
	}
}

func TestBounds(t *testing.T) {
	r := newRig(func(s *Settings) { s.BodyLimit = 5000; s.Budget = queue.NewBudget(3000) })
	if code := r.send(t, strings.Repeat("x", 5001), "Ce-Id", "a", "Ce-Type", requestType); code != 413 {
		t.Errorf("too large: %d", code)
	}
	for i := range 3 {
		r.send(t, strings.Repeat("x", 1000), "Ce-Id", fmt.Sprint(i), "Ce-Type", requestType)
	}
	if d := cmp.Diff(map[string]int{"oversize": 1, "memory": 1}, r.journal.Drops()); d != "" {
		t.Errorf("drops (-want +got):\n%s", d)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string][]string{
		"no type":       {"{}", "Ce-Id", "a"},
		"no id":         {"{}", "Ce-Type", requestType},
		"no JSON":       {"{", "Content-Type", "application/cloudevents+json"},
		"no base64":     {`{"id":"a","type":"t","data_base64":"!"}`, "Content-Type", "application/cloudevents+json"},
		"bad batch":     {`[{}]`, "Content-Type", "application/cloudevents-batch+json"},
		"no CloudEvent": {"{}"},
	} {
		r := newRig(nil)
		if code := r.send(t, c[0], c[1:]...); code != 400 || r.journal.Drops()["unknown_event"] != 1 {
			t.Errorf("%s: %d, %v", name, code, r.journal.Drops())
		}
	}
	r := newRig(nil)
	if code := r.send(t, "{}", "Ce-Id", "a", "Ce-Type", "another"); code != 202 || r.journal.Drops()["unknown_event"] != 1 {
		t.Errorf("unknown type: %d, %v", code, r.journal.Drops())
	}
}

func TestFeedback(t *testing.T) {
	r := newRig(nil)
	for i, body := range []string{
		`{"truth":{"data":{"ndarray":[[2]]}},"reward":0.5}`,
		`{"truth":{"data":{"tensor":{"shape":[1],"values":[2]}}}}`,
		`{"truth":"cat"}`,
		`{"reward":0.5,"response":{"meta":{"puid":"p"}}}`,
		`{}`,
	} {
		r.send(t, body, "Ce-Id", fmt.Sprint("e", i), "Ce-Type", "io.seldon.serving.feedback", "Ce-Modelid", "m")
	}
	got := ""
	for _, l := range r.labels {
		got += l.ID + "=" + l.Class + " "
	}
	if got != "e0=2 e1=2 e2=cat p=0.5 " || r.journal.Drops()["unknown_event"] != 1 {
		t.Errorf("%q, %v", got, r.journal.Drops())
	}
}

// The events of the real KServe agent: 5 requests, 3 answered.
func TestRealKServeEvents(t *testing.T) {
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "..", "shared", "prototypes", "real-components", "captures", "kserve-ce.jsonl"))
	if err != nil {
		t.Skip("no captured events")
	}
	defer f.Close()
	r := newRig(nil)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Headers map[string]string
			Body    string
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		var header []string
		for k, v := range e.Headers {
			header = append(header, k, v)
		}
		if code := r.send(t, e.Body, header...); code != 202 {
			t.Errorf("%d for %s", code, lines.Text())
		}
	}
	if r.queue.Len() != 3 || r.Pending() != 2 {
		t.Fatalf("%d pairs, %d pending", r.queue.Len(), r.Pending())
	}
	if got := r.pop(t); got.Model != "iris-isvc" || got.Inputs[0].Len() != 4 || got.Outputs[0].Len() != 3 || got.Latency <= 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("application/cloudevents+json", []byte(`{"id":"a","type":"t","data":"x","n":1}`))
	f.Add("application/cloudevents-batch+json", []byte(`[{"id":"a","type":"t","data_base64":"eA=="}]`))
	f.Add("application/json", []byte(`{}`))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		events, err := parse(http.Header{"Content-Type": {contentType}, "Ce-Id": {"a"}, "Ce-Type": {"io.seldon.serving.feedback"}}, body)
		if err != nil {
			return
		}
		for _, e := range events {
			if e.id == "" || e.kind == "" {
				t.Fatalf("%+v", e)
			}
			feedback(e)
		}
	})
}
