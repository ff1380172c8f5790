package labels

import (
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

func TestDelete(t *testing.T) {
	w := newWorld(t, nil)
	w.predict("a", "1")
	w.predict("a#0", "1")
	w.predict("b", "1")
	w.label(record.Label{ID: "a", Class: "1", Votes: []record.Vote{{Annotator: "x", Class: "1"}, {Annotator: "y", Class: "1"}}})
	w.label(record.Label{ID: "a#1", Class: "1"}) // its prediction has not come
	n, err := w.joiner.Delete("a")
	if err != nil || n != 3 {
		t.Fatalf("removed %d, %v, want 3", n, err)
	}
	if got := w.counts(); got != "matched 1 " {
		t.Errorf("what was counted stays: %s", got)
	}
	if p := w.result(); p.Annotators != nil {
		t.Errorf("annotators: %+v", p.Annotators)
	}
	w.predict("a#1", "1")
	w.label(record.Label{ID: "b", Class: "1"})
	w.label(record.Label{ID: "a#0", Class: "1"})
	w.now = w.now.Add(2 * orphanGrace)
	w.joiner.Maintain()
	if got := w.counts(); got != "matched 2 orphan 1 " {
		t.Errorf("a label of what was deleted is an orphan: %s", got)
	}
}
