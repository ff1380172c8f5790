package pipeline

import (
	"context"
	"errors"
	"testing"

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
