package mirror

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/sampler"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

func TestMirror(t *testing.T) {
	q, journal := queue.New(1<<20), taptest.NewJournal()
	h := New(Settings{
		Sampler: taptest.All{}, Observer: journal, Budget: q.Budget(), BodyLimit: 1000, KeyHeader: "X-Request-Id",
		Emit: func(c *record.Capture) {
			if !q.Push(c) {
				t.Error("queue full")
			}
		},
	})
	send := func(path, body string) {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("X-Request-Id", "k")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 204 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	send("http://svc-shadow:80/v2/models/m/infer", `{"id":"a","inputs":[]}`)
	c, err := q.Pop(t.Context())
	if err != nil || c.Model != "m" || c.Tap != "mirror" || c.ID != "a" || c.Key != "k" || c.Response.Bytes != nil {
		t.Errorf("%+v, %v", c, err)
	}
	c.Release()
	send("http://svc-shadow/v2/health/ready", "")
	send("http://svc-shadow/v2/models/m/infer", strings.Repeat("x", 1001))
	journal.WaitDropped(t, "oversize", 1)
	r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", io.MultiReader(strings.NewReader("{"), broken{}))
	h.ServeHTTP(httptest.NewRecorder(), r)
	if done := journal.Done(t, 3); len(done) != 3 || done[2].Outcome != record.Cancelled {
		t.Errorf("%+v", done)
	}
	if q.Bytes() != 0 || q.Len() != 0 {
		t.Errorf("%d bytes, %d captures left", q.Bytes(), q.Len())
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestMirrorSamples(t *testing.T) {
	s, err := sampler.New(0, "")
	if err != nil {
		t.Fatal(err)
	}
	h := New(Settings{Sampler: s, Observer: taptest.NewJournal(), Budget: queue.NewBudget(1 << 20), Emit: func(*record.Capture) { t.Error("emitted") }})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader("{}")))
}

// TestHeadersBecomeMetadata: those that were asked for, of every row.
func TestHeadersBecomeMetadata(t *testing.T) {
	var got []record.Record
	h := New(Settings{Sampler: taptest.All{}, Observer: taptest.NewJournal(), Budget: queue.NewBudget(1 << 20), Headers: []string{"X-Tenant", "X-Absent"},
		Emit: func(c *record.Capture) {
			var err error
			if got, err = oip.NewDecoder(nil, 1<<20).Decode(c); err != nil {
				t.Error(err)
			}
			c.Release()
		}})
	r := httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", strings.NewReader(`{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}`))
	r.Header.Set("x-tenant", strings.Repeat("a", 300))
	r.Header.Set("Authorization", "secret")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if len(got) != 1 || len(got[0].Metadata) != 1 || got[0].Metadata["X-Tenant"] != strings.Repeat("a", 256) {
		t.Errorf("%+v", got)
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{"svc-shadow:80": "svc:80", "svc-shadow": "svc", "svc": "svc", "svc:1": "svc:1"} {
		if got := Host(in); got != want {
			t.Errorf("Host(%q) = %q", in, got)
		}
	}
}
