package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// taken is where a test's labels go.
type taken struct {
	mu       sync.Mutex
	ids      map[string]int
	rejected int
	down     bool
	refused  int
}

func (s *taken) accept(list []record.Label) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, len(list))
	for i, l := range list {
		if s.down {
			s.refused++
			errs[i] = errors.New("the disk is full")
			continue
		}
		s.ids[l.ID]++
	}
	return errs
}

func (s *taken) reject() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rejected++
}

func (s *taken) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		done := ok()
		s.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 30 s: %v, %d rejected", what, s.ids, s.rejected)
		}
	}
}

// TestLabels: what is no label goes to the dead letters; while labels are not
// taken nothing is committed, and nothing is lost.
func TestLabels(t *testing.T) {
	c, p := cluster(t, kfake.SeedTopics(1, "labels"))
	s := &taken{ids: map[string]int{}}
	run := func() (stop func()) {
		x, err := NewLabels(LabelSettings{Brokers: c.ListenAddrs(), Topics: []string{"labels"}, Group: "g", DeadLetter: "dead", Accept: s.accept, Rejected: s.reject})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx) }()
		return func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	for i := range 10 {
		produce(t, p, "labels", "", fmt.Appendf(nil, `{"id":"a%d","label":1}`, i))
	}
	produce(t, p, "labels", "", []byte(`[{"id":"b0","label":1},{"id":"b1"},{"id":"b2","label":"x"}]`))
	produce(t, p, "labels", "", []byte("id,label\nc0,1\nc1,2\n"))
	produce(t, p, "labels", "", []byte("nonsense"))
	stop := run()
	s.until(t, "labels come", func() bool { return len(s.ids) == 14 && s.rejected >= 2 })
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	produce(t, p, "labels", "", []byte(`{"id":"late","label":1}`))
	s.until(t, "labels are refused", func() bool { return s.refused > 0 })
	stop()
	s.mu.Lock()
	s.down = false
	s.mu.Unlock()
	stop = run()
	defer stop()
	s.until(t, "what was refused is read again", func() bool { return s.ids["late"] == 1 })
}

func TestLabelSettings(t *testing.T) {
	if _, err := NewLabels(LabelSettings{Brokers: []string{"a:1"}}); !errors.Is(err, ErrSettings) {
		t.Error(err)
	}
}
