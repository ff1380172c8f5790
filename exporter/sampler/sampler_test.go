package sampler

import (
	"errors"
	"math"
	"strconv"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/pipeline"
)

var _ pipeline.Sampler = (*Hash)(nil)

func newHash(t testing.TB, rate float64, salt string) *Hash {
	t.Helper()
	s, err := New(rate, salt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRateOneKeepsAllAndZeroNone(t *testing.T) {
	all, none := newHash(t, 1, "s"), newHash(t, 0, "s")
	for i := range 200_000 {
		key := strconv.Itoa(i)
		if !all.Keep(key) {
			t.Fatalf("rate 1 drops %q", key)
		}
		if none.Keep(key) {
			t.Fatalf("rate 0 keeps %q", key)
		}
	}
}

func TestShareIsTheRate(t *testing.T) {
	const n = 200_000
	for _, rate := range []float64{.001, .01, .1, .5, .9} {
		s := newHash(t, rate, "salt")
		kept := 0
		for i := range n {
			if s.Keep("request-" + strconv.Itoa(i)) {
				kept++
			}
		}
		// Five standard deviations of a binomial share: one failure in two million.
		if d := math.Abs(float64(kept)/n - rate); d > 5*math.Sqrt(rate*(1-rate)/n) {
			t.Errorf("rate %v keeps %v", rate, float64(kept)/n)
		}
	}
}

func TestCohortsNestAndAreStable(t *testing.T) {
	small, large, again := newHash(t, .05, "a"), newHash(t, .3, "a"), newHash(t, .05, "a")
	for i := range 100_000 {
		key := strconv.Itoa(i)
		if small.Keep(key) && !large.Keep(key) {
			t.Fatalf("%q is kept at 5 %% and not at 30 %%", key)
		}
		if small.Keep(key) != again.Keep(key) {
			t.Fatalf("two samplers with one salt disagree on %q", key)
		}
	}
}

func TestSaltsAreIndependent(t *testing.T) {
	a, b := newHash(t, .1, "a"), newHash(t, .1, "b")
	both := 0
	const n = 200_000
	for i := range n {
		if key := strconv.Itoa(i); a.Keep(key) && b.Keep(key) {
			both++
		}
	}
	if share := float64(both) / n; math.Abs(share-.01) > 5*math.Sqrt(.01*.99/n) {
		t.Errorf("two salts share %v of the keys, want 0.01", share)
	}
}

func TestRatesThatAreNone(t *testing.T) {
	for _, rate := range []float64{-1e-9, 1.0000001, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := New(rate, ""); !errors.Is(err, ErrRate) {
			t.Errorf("New(%v) = %v, want ErrRate", rate, err)
		}
		s := newHash(t, .5, "")
		if err := s.SetRate(rate); !errors.Is(err, ErrRate) || s.Rate() != .5 {
			t.Errorf("SetRate(%v) = %v, rate now %v", rate, err, s.Rate())
		}
	}
}

func BenchmarkKeep(b *testing.B) {
	s := newHash(b, .1, "salt")
	b.ReportAllocs()
	for b.Loop() {
		s.Keep("5f7c1d8e-3a54-4c1f-9a57-1f0d2a7e9b11")
	}
}
