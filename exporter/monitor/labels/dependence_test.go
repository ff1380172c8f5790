package labels

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestDependence: a Markov chain of two classes that stays with probability s
// has the autocorrelation time s / (1 - s), by its eigenvalue 2 s - 1; rows in
// no order have 1; shares that wander are told although neighbours are
// independent.
func TestDependence(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	chain := func(stay float64) (out []string) {
		c := 0
		for range 20_000 {
			if rng.Float64() > stay {
				c = 1 - c
			}
			out = append(out, fmt.Sprint(c))
		}
		return out
	}
	for _, c := range []struct{ stay, want float64 }{{.5, 1}, {.8, 4}, {.9, 9}} {
		list := chain(c.stay)
		if got := designEffect(list); got < .85*c.want || got > 1.2*c.want {
			t.Errorf("stays %v: design effect %.2f, want %.0f", c.stay, got, c.want)
		}
		// Ten pieces say it with a standard deviation of about half.
		if got := wander(list); got > 2.5*c.want {
			t.Errorf("stays %v: pieces differ by %.2f, want about %.0f", c.stay, got, c.want)
		}
	}
	var wandering []string
	for i := range 20_000 {
		wandering = append(wandering, fmt.Sprint(rng.Float64() < .4+.1*float64(i/2000%2)))
	}
	if got := wander(wandering); got < 15 { // 0.1² / (0.45 0.55) 2000 / 4, and 1
		t.Errorf("shares that wander: %.1f", got)
	}
	if got := Dependence([]string{"a", "b"}); got != 1 {
		t.Errorf("too few to tell: %v", got)
	}
}
