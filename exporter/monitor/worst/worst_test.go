package worst

import (
	"fmt"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/explain"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func newKeeper() (*Keeper, *clock) {
	c := &clock{time.Unix(1e9, 0)}
	return New(Settings{Each: 3, MaxAge: time.Hour, InputBytes: 100, Now: c.now}), c
}

func (c *clock) record(id string, score float64) Record {
	return Record{ID: id, Time: c.t, Reason: Outlier, Score: score}
}

func ids(list []Record) string {
	out := ""
	for _, r := range list {
		out += r.ID
	}
	return out
}

func TestTheWorstAreKept(t *testing.T) {
	k, c := newKeeper()
	for i, score := range []float64{1, 5, 3, 4, 2} {
		k.Offer(c.record(fmt.Sprint(i), score))
	}
	if got := ids(k.List(Outlier, 0)); got != "132" {
		t.Errorf("kept %q, want 132: the scores 5, 4, 3", got)
	}
	if k.Wants(Outlier, 3) || !k.Wants(Outlier, 3.5) || !k.Wants(Wrong, 0) {
		t.Error("Wants")
	}
	k.Offer(c.record("2", 9))
	k.Offer(c.record("1", 1))
	if got := ids(k.List(Outlier, 2)); got != "21" {
		t.Errorf("one id twice: %q, want 21", got)
	}
}

func TestOldOnesMakeRoom(t *testing.T) {
	k, c := newKeeper()
	k.Offer(c.record("old", 100))
	c.t = c.t.Add(2 * time.Hour)
	if !k.Wants(Outlier, 1) || len(k.List("", 0)) != 0 {
		t.Error("an old record holds its place")
	}
}

func TestExplanations(t *testing.T) {
	k, c := newKeeper()
	big, small := c.record("big", 3), c.record("small", 2)
	big.Inputs = shadow.Sample{tensor.FromFloat32s("x", make([]float32, 100), 1, 100)}
	small.Inputs = shadow.Sample{tensor.FromFloat32s("x", make([]float32, 4), 1, 4)}
	k.Offer(big)
	k.Offer(small)
	if r, ok := k.Unexplained(); !ok || r.ID != "small" {
		t.Fatalf("%+v: inputs beyond the limit must not be kept", r)
	}
	k.Explained("small", explain.Explanation{Score: .5})
	if _, ok := k.Unexplained(); ok {
		t.Error("explained twice")
	}
	if r, _ := k.Find("small"); r.Explanation == nil || r.Explanation.Score != .5 {
		t.Errorf("%+v", r)
	}
}

func TestForget(t *testing.T) {
	k, c := newKeeper()
	for i, id := range []string{"a#1", "b", "a"} {
		k.Offer(c.record(id, float64(i)))
	}
	if n := k.Forget("a"); n != 2 || ids(k.List("", 0)) != "b" {
		t.Errorf("%d forgotten, left %q", n, ids(k.List("", 0)))
	}
}
