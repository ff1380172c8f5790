package labels

import (
	"fmt"
	"testing"
	"time"
)

func at(s int) time.Time { return time.Unix(int64(s), 0) }

func TestJoinOutcomes(t *testing.T) {
	j := newJoiner(time.Hour, 10)
	j.predict(&prediction{id: "a", time: at(0), class: 1})
	p, got, wait := j.label("a", 1, at(1))
	if p == nil || got != Matched || wait {
		t.Fatalf("first label: %v %v %v", p, got, wait)
	}
	p.labelled, p.actual = true, 1
	if _, got, _ := j.label("a", 1, at(2)); got != Duplicate {
		t.Errorf("the same again: %v", got)
	}
	if _, got, _ := j.label("a", 2, at(2)); got != Corrected {
		t.Errorf("another class: %v", got)
	}
	if _, got, _ := j.label("a", 2, at(3601)); got != Late {
		t.Errorf("after the time to live: %v", got)
	}
}

func TestLabelBeforePrediction(t *testing.T) {
	j := newJoiner(time.Hour, 10)
	if _, _, wait := j.label("b", 3, at(0)); !wait {
		t.Fatal("does not wait")
	}
	if n := j.expire(at(59)); n != 0 {
		t.Errorf("%d orphans too early", n)
	}
	e, ok := j.predict(&prediction{id: "b", time: at(1)})
	if !ok || e.class != 3 {
		t.Errorf("early label lost: %v %v", e, ok)
	}
	j.label("c", 1, at(2))
	if n := j.expire(at(62)); n != 1 {
		t.Errorf("orphans = %d, want 1", n)
	}
}

func TestJoinIsBounded(t *testing.T) {
	j := newJoiner(time.Hour, 100)
	for i := range 10_000 {
		j.predict(&prediction{id: fmt.Sprint("p", i), time: at(i)})
		j.label(fmt.Sprint("unknown", i), 0, at(i))
		j.expire(at(i))
	}
	if len(j.byID) > 100 || len(j.order)-j.head > 100 || len(j.order) > 4096 {
		t.Errorf("predictions kept: %d by id, %d queued in %d", len(j.byID), len(j.order)-j.head, len(j.order))
	}
	if len(j.early) > 100 || len(j.earlyOrder) > 4096 {
		t.Errorf("early labels kept: %d in %d", len(j.early), len(j.earlyOrder))
	}
}

func TestRepeatedIDKeepsTheNewer(t *testing.T) {
	j := newJoiner(time.Hour, 2)
	j.predict(&prediction{id: "x", time: at(0), class: 1})
	j.predict(&prediction{id: "x", time: at(1), class: 2})
	j.predict(&prediction{id: "y", time: at(2)})
	j.predict(&prediction{id: "z", time: at(3)}) // evicts both x in turn
	if p := j.byID["x"]; p != nil {
		t.Errorf("x is still there: %+v", p)
	}
}

func TestWindowCorrection(t *testing.T) {
	w := newWindow(3)
	first := w.add(outcome{actual: 0})
	second := w.add(outcome{actual: 0})
	w.add(outcome{})
	w.add(outcome{}) // pushes the first out
	w.correct(first, 9)
	w.correct(second, 7)
	var sum int
	w.each(func(o *outcome) { sum += o.actual })
	if sum != 7 {
		t.Errorf("sum of classes = %d, want 7: only the second is inside", sum)
	}
}
