package schema

import (
	"time"

	"gonum.org/v1/gonum/mathext"
)

const (
	window = 200   // records that shares are taken over
	tail   = 1e-12 // probability of a fault by chance, a window
	doubt  = 1e-4  // that a reference's share is above its upper bound
	rare   = 1e-4  // share that is put up with where no reference says one
)

// share counts one kind of anomaly, and knows how many of the last records had
// it.
type share struct {
	limit int // as many of the window are a fault
	total uint64

	ring   [(window + 63) / 64]uint64
	next   int
	seen   int
	count  int
	active bool
	since  time.Time
}

func newShare(chance float64) *share { return &share{limit: limit(chance)} }

// add notes one record; it reports whether a fault begins with it.
func (s *share) add(odd bool) (began bool) {
	if !odd && s.count == 0 { // nearly always; nothing is marked, nothing to clear
		if s.next++; s.next == window {
			s.next = 0
		}
		if s.seen < window {
			s.seen++
		}
		return false
	}
	word, bit := s.next/64, uint64(1)<<(s.next%64)
	s.next = (s.next + 1) % window
	if s.seen < window {
		s.seen++
	}
	if s.ring[word]&bit != 0 {
		s.count--
	}
	s.ring[word] &^= bit
	if odd {
		s.ring[word] |= bit
		s.count++
		s.total++
	}
	switch {
	case !s.active && s.count >= s.limit:
		s.active = true
		return true
	case s.active && s.count <= s.limit/2:
		s.active = false
	}
	return false
}

// hold notes that something lasts or not, counting once when it begins.
func (s *share) hold(now bool) (began bool) {
	began = now && !s.active
	s.active = now
	if began {
		s.total++
	}
	return began
}

// clear ends a fault and forgets the window, not the total.
func (s *share) clear() {
	s.ring, s.count, s.seen, s.next, s.active = [len(s.ring)]uint64{}, 0, 0, 0, false
}

// limit is the smallest c with P(Binomial(window, chance) >= c) <= tail; window
// + 1 where nothing is too many.
func limit(chance float64) int {
	for c := 1; c <= window; c++ {
		// The binomial's tail is the regularised incomplete beta function.
		if chance < 1 && mathext.RegIncBeta(float64(c), float64(window-c+1), chance) <= tail {
			return c
		}
	}
	return window + 1
}

// upper is the one-sided Clopper-Pearson bound of a share of which k of n were
// seen, at confidence 1 - doubt.
func upper(k, n float64) float64 {
	if n <= 0 || k >= n {
		return 1
	}
	return mathext.InvRegIncBeta(k+1, n-k, 1-doubt)
}
