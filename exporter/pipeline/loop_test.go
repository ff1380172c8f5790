package pipeline

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// listQueue serves what it was given and then ends the context.
type listQueue struct {
	captures []*record.Capture
	end      context.CancelFunc
}

func (q *listQueue) PopBatch(ctx context.Context, dst []*record.Capture, limit int) ([]*record.Capture, error) {
	if len(q.captures) == 0 {
		q.end()
		return nil, ctx.Err()
	}
	n := min(limit, len(q.captures))
	dst = append(dst, q.captures[:n]...)
	q.captures = q.captures[n:]
	return dst, nil
}

type idDecoder struct{}

func (idDecoder) Decode(c *record.Capture) ([]record.Record, error) {
	if c.ID == "" {
		return nil, errors.New("nothing readable")
	}
	return []record.Record{{ID: c.ID}}, nil
}

type echoReplayer struct{}

func (r echoReplayer) Replay(ctx context.Context, records []record.Record) ([]record.Observation, error) {
	out := make([]record.Observation, len(records))
	for i := range records {
		out[i].Record = records[i]
	}
	return out, ctx.Err()
}

type listMonitor struct {
	ids      []string
	released *int
	seen     []int // captures released when the monitor was called
}

func (m *listMonitor) Observe(o []record.Observation) {
	for i := range o {
		m.ids = append(m.ids, o[i].ID)
	}
	m.seen = append(m.seen, *m.released)
}

func TestLoopCarriesEveryCaptureInOrder(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	released := 0
	capture := func(id string) *record.Capture {
		c := &record.Capture{ID: id}
		c.OnRelease(func() { released++ })
		return c
	}
	pushed := &record.Capture{Records: []record.Record{{ID: "p0"}, {ID: "p1"}}}
	q := &listQueue{captures: []*record.Capture{capture("a"), capture(""), capture("b"), pushed}, end: cancel}
	m := &listMonitor{released: &released}
	undecodable := 0
	l := &Loop{Queue: q, Decoder: idDecoder{}, Replayer: echoReplayer{}, Monitor: m, Batch: 3,
		Undecodable: func(*record.Capture, error) { undecodable++ }}
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "p0", "p1"}
	if len(m.ids) != len(want) {
		t.Fatalf("ids = %v, want %v", m.ids, want)
	}
	for i := range want {
		if m.ids[i] != want[i] {
			t.Errorf("ids = %v, want %v", m.ids, want)
		}
	}
	if undecodable != 1 || released != 3 {
		t.Errorf("undecodable %d, released %d", undecodable, released)
	}
	if m.seen[0] != 0 {
		t.Error("captures were released before the monitors had seen their records")
	}
}

// slowQueue has one more capture each time that somebody waits, and at last
// none: then a waiting Pop ends with its context.
type slowQueue struct {
	captures []*record.Capture
	end      context.CancelFunc
}

func (q *slowQueue) PopBatch(ctx context.Context, dst []*record.Capture, limit int) ([]*record.Capture, error) {
	if len(q.captures) == 0 {
		if _, limited := ctx.Deadline(); !limited {
			q.end()
		}
		<-ctx.Done()
		return dst, ctx.Err()
	}
	dst, q.captures = append(dst, q.captures[0]), q.captures[1:]
	return dst, nil
}

// TestLoopGathers: captures wait for more until there are enough, or until the
// delay is over; none is lost, also where the queue ends meanwhile.
func TestLoopGathers(t *testing.T) {
	for name, c := range map[string]struct {
		gather func([]*record.Capture) time.Duration
		want   []int // records of each batch
	}{
		"whatever waits":  {nil, []int{1, 1, 1, 1, 1}},
		"nobody may wait": {func([]*record.Capture) time.Duration { return 0 }, []int{1, 1, 1, 1, 1}},
		"up to two": {func(c []*record.Capture) time.Duration {
			if len(c) >= 2 {
				return 0
			}
			return time.Hour
		}, []int{2, 2, 1}},
		"up to the loop's batch, then the delay ends": {func(c []*record.Capture) time.Duration {
			if len(c) == 2 && c[0].ID == "d" {
				return time.Millisecond
			}
			return time.Hour
		}, []int{3, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			q := &slowQueue{end: cancel}
			released := 0
			for _, id := range []string{"a", "b", "c", "d", "e"} {
				one := &record.Capture{ID: id}
				one.OnRelease(func() { released++ })
				q.captures = append(q.captures, one)
			}
			var sizes []int
			gather := c.gather
			if gather != nil {
				gather = func(list []*record.Capture) time.Duration {
					if len(q.captures) == 0 && len(list) == 1 {
						return time.Millisecond // nothing more will come
					}
					return c.gather(list)
				}
			}
			l := &Loop{Queue: q, Decoder: idDecoder{}, Replayer: echoReplayer{}, Monitor: monitorFunc(func(o []record.Observation) { sizes = append(sizes, len(o)) }), Batch: 3, Gather: gather}
			if err := l.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(sizes, c.want) || released != 5 {
				t.Errorf("batches %v, want %v; released %d", sizes, c.want, released)
			}
		})
	}
}

type monitorFunc func([]record.Observation)

func (f monitorFunc) Observe(o []record.Observation) { f(o) }
