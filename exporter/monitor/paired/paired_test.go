package paired

import (
	"fmt"
	"math"
	"testing"
)

func TestPaired(t *testing.T) {
	m := New(Settings{Shadows: 2, Pending: 1000})
	for i := range 600 {
		id, shadow := fmt.Sprint(i), "right"
		primary := "right"
		if i%10 == 0 { // the first shadow is right where the primary is not
			primary = "wrong"
		}
		second := ""
		if i%2 == 0 {
			second = "wrong"
		}
		m.Predict(id, primary, []string{shadow, second})
		m.Predict(id, "wrong", []string{"wrong", "wrong"}) // asked again
		m.Label(id, "right")
		m.Label(id, "wrong") // corrected too late
	}
	m.Label("a stranger", "right")
	a, b := m.Pair(0), m.Pair(1)
	if a != (Pair{Both: 540, OnlyShadow: 60}) || b != (Pair{OnlyPrimary: 240, Neither: 60}) {
		t.Fatalf("%+v %+v", a, b)
	}
	delta, lower, upper, p := a.Delta()
	if math.Abs(delta-.1) > 1e-12 || !(lower > 0 && lower < .1 && upper > .1) || p > 1e-10 {
		t.Errorf("%v [%v, %v], p %v", delta, lower, upper, p)
	}
	if delta, _, _, p := b.Delta(); math.Abs(delta+.8) > 1e-12 || p > 1e-10 {
		t.Errorf("%v, p %v", delta, p)
	}
	if delta, lower, _, p := (Pair{}).Delta(); delta == delta || !math.IsInf(lower, -1) || p != 1 {
		t.Errorf("%v %v %v", delta, lower, p)
	}
}

func TestTheOldestGoFirst(t *testing.T) {
	m := New(Settings{Shadows: 1, Pending: 3})
	for i := range 10 {
		m.Predict(fmt.Sprint(i), "a", []string{"a"})
	}
	for i := range 10 {
		m.Label(fmt.Sprint(i), "a")
	}
	if got := m.Pair(0); got.Both != 3 || len(m.pending) != 0 || len(m.order) != 3 {
		t.Errorf("%+v, %d wait", got, len(m.pending))
	}
}
