package profile

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// Sketch is the distribution of any number of values in bounded memory. While
// there are at most Cells different values it is exact. Beyond, it counts in
// cells: floats that agree in their sign, exponent and leading digits of the
// fraction, as many leading bits as leave at most Cells cells occupied. Its
// state depends on the values alone, not on their order nor on how they were
// split: merging is associative and commutative, bit for bit.
//
// A value that is found again by rank is off by at most its cell, which is
// relatively narrower than 2^-(bits-12); a rank that is found by value by at
// most the share of one cell, RankError. Values that hold a large share (heavy
// atoms) are kept apart exactly in value, and in count up to half of what shares
// their bucket of a sketch of 64. Memory: about 40 bytes a cell and 33 KB.
type Sketch struct {
	limit    int
	shift    uint // bits of a key that are forgotten; 0: exact
	cells    map[uint64]uint64
	n        uint64
	low, top uint64 // keys of the smallest and largest value
	groups   *groups
}

// SketchCells is the default number of cells.
const SketchCells = 4096

// NewSketch returns an empty sketch of at most cells cells (at least 64).
func NewSketch(cells int) *Sketch {
	return &Sketch{limit: max(cells, 64), cells: map[uint64]uint64{}, low: math.MaxUint64}
}

// keyOf maps a finite float to an integer of the same order; -0 is 0.
func keyOf(v float64) uint64 {
	b := math.Float64bits(v + 0) // -0 + 0 is 0
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}

func floatOf(key uint64) float64 {
	if key>>63 == 1 {
		return math.Float64frombits(key ^ 1<<63)
	}
	return math.Float64frombits(^key)
}

// Add counts a finite value n times; others are driftlib.ErrValue.
func (s *Sketch) Add(v float64, n uint64) error {
	if v-v != 0 {
		return fmt.Errorf("%w: %v is not finite", driftlib.ErrValue, v)
	}
	if n == 0 {
		return nil
	}
	key := keyOf(v)
	s.n += n
	s.low, s.top = min(s.low, key), max(s.top, key)
	s.cells[key>>s.shift] += n
	if s.groups != nil {
		s.groups.add(key, n)
	}
	s.fit()
	return nil
}

// fit forgets bits until the cells are few enough.
func (s *Sketch) fit() {
	for len(s.cells) > s.limit {
		if s.shift == 0 {
			s.groups = &groups{}
			for key, n := range s.cells {
				s.groups.add(key, n)
			}
		}
		s.coarsen(s.shift + 1)
	}
}

func (s *Sketch) coarsen(shift uint) {
	fewer := make(map[uint64]uint64, len(s.cells))
	for k, n := range s.cells {
		fewer[k>>(shift-s.shift)] += n
	}
	s.cells, s.shift = fewer, shift
}

// Merge adds another sketch of as many cells, driftlib.ErrLength otherwise. The
// other one is not changed.
func (s *Sketch) Merge(o *Sketch) error {
	if s.limit != o.limit {
		return fmt.Errorf("%w: sketches of %d and of %d cells", driftlib.ErrLength, s.limit, o.limit)
	}
	if o.n == 0 {
		return nil
	}
	theirs := maps.Clone(o.cells)
	if o.shift == 0 && s.shift > 0 {
		for k, n := range theirs {
			s.groups.add(k, n)
		}
	}
	if s.shift == 0 && o.shift > 0 {
		s.groups = &groups{}
		for k, n := range s.cells {
			s.groups.add(k, n)
		}
	}
	if o.groups != nil {
		s.groups.merge(o.groups)
	}
	if o.shift > s.shift {
		s.coarsen(o.shift)
	}
	for k, n := range theirs {
		s.cells[k>>(s.shift-o.shift)] += n
	}
	s.n += o.n
	s.low, s.top = min(s.low, o.low), max(s.top, o.top)
	s.fit()
	return nil
}

// N is the number of values.
func (s *Sketch) N() int { return int(s.n) }

// Exact reports whether every value is held as it is.
func (s *Sketch) Exact() bool { return s.shift == 0 }

// Min is the smallest value, exactly; NaN where there is none.
func (s *Sketch) Min() float64 {
	if s.n == 0 {
		return math.NaN()
	}
	return floatOf(s.low)
}

// Max is the largest value, exactly; NaN where there is none.
func (s *Sketch) Max() float64 {
	if s.n == 0 {
		return math.NaN()
	}
	return floatOf(s.top)
}

// RankError is the largest error of a rank, as a share of the values: that of
// the fullest cell, atoms taken out. 0 where the sketch is exact.
func (s *Sketch) RankError() float64 {
	if s.shift == 0 || s.n == 0 {
		return 0
	}
	var most uint64
	for _, c := range s.ordered() {
		most = max(most, c.n-c.atoms)
	}
	return float64(most) / float64(s.n)
}

// groups finds the heavy atoms of a stream: 64 buckets by hash, in each how often
// every bit of a key is set. The bits of a value that holds more than half of
// its bucket can be read off. Sums only, so that it is linear.
type groups struct {
	total [64]uint64
	set   [64][64]uint64
}

func bucketOf(key uint64) uint64 { return key * 0x9e3779b97f4a7c15 >> 58 }

func (g *groups) add(key, n uint64) {
	b := bucketOf(key)
	g.total[b] += n
	for k := key; k != 0; k &= k - 1 {
		g.set[b][bits.TrailingZeros64(k)] += n
	}
}

func (g *groups) merge(o *groups) {
	for b := range g.total {
		g.total[b] += o.total[b]
		for i := range g.set[b] {
			g.set[b][i] += o.set[b][i]
		}
	}
}

type atom struct{ key, n uint64 }

// atoms are the values that hold more than least, ascending.
func (g *groups) atoms(least uint64) []atom {
	var out []atom
	for b, total := range g.total {
		if total <= least {
			continue
		}
		var key uint64
		n := total
		for i, set := range g.set[b] {
			if 2*set > total {
				key |= 1 << i
				n = min(n, set)
			} else {
				n = min(n, total-set)
			}
		}
		if n > least && bucketOf(key) == uint64(b) {
			out = append(out, atom{key, n})
		}
	}
	slices.SortFunc(out, func(a, b atom) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	return out
}

// cell is a cell with its ends and the atoms in it.
type cell struct {
	low, high uint64 // keys
	n, before uint64
	atoms     uint64
}

// smallestAtom is the share of the values from which on an atom is told apart.
const smallestAtom = 50

// heavy are the atoms of a sketch that is not exact.
func (s *Sketch) heavy() []atom {
	if s.groups == nil {
		return nil
	}
	least := s.n / smallestAtom
	out := s.groups.atoms(least)
	for i := range out { // what shares its bucket may count with it, but not more than its cell holds
		out[i].n = min(out[i].n, s.cells[out[i].key>>s.shift])
	}
	return slices.DeleteFunc(out, func(a atom) bool { return a.n <= least })
}

func (s *Sketch) ordered() []cell {
	keys := slices.Sorted(maps.Keys(s.cells))
	out := make([]cell, len(keys))
	var before uint64
	for i, k := range keys {
		out[i] = cell{low: max(k<<s.shift, s.low), high: min(k<<s.shift|(1<<s.shift-1), s.top), n: s.cells[k], before: before}
		before += s.cells[k]
	}
	for _, a := range s.heavy() {
		i := slices.IndexFunc(out, func(c cell) bool { return a.key >= c.low && a.key <= c.high })
		if i >= 0 && out[i].atoms+a.n <= out[i].n {
			out[i].atoms += a.n
		}
	}
	return out
}

// frozen is a sketch made ready to be asked.
type frozen struct {
	s     *Sketch
	cells []cell
	atoms []atom
}

func (s *Sketch) freeze() *frozen { return &frozen{s, s.ordered(), s.heavy()} }

// at is the value of a rank, from 0 on.
func (f *frozen) at(rank int) float64 {
	r := uint64(rank)
	i, _ := slices.BinarySearchFunc(f.cells, r, func(c cell, r uint64) int {
		if c.before+c.n <= r {
			return -1
		}
		return 1
	})
	c := f.cells[min(i, len(f.cells)-1)]
	low, high := floatOf(c.low), floatOf(c.high)
	if c.low == c.high || rank == 0 {
		return low
	}
	if r == f.s.n-1 {
		return floatOf(f.s.top)
	}
	for _, a := range f.atoms {
		if a.key >= c.low && a.key <= c.high && r >= f.upTo(a.key)-a.n && r < f.upTo(a.key) {
			return floatOf(a.key)
		}
	}
	return low + (high-low)*(float64(r-c.before)+.5)/float64(c.n)
}

// quantile is Quantile of the values.
func (f *frozen) quantile(q float64) float64 {
	if f.s.n == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	h := min(max(q, 0), 1) * float64(f.s.n-1)
	i := int(h)
	if uint64(i+1) >= f.s.n {
		return floatOf(f.s.top)
	}
	a, b := f.at(i), f.at(i+1)
	return a + (h-float64(i))*(b-a)
}

// upTo is how many values have at most a key: exact at the ends of cells.
func (f *frozen) upTo(key uint64) uint64 {
	i, _ := slices.BinarySearchFunc(f.cells, key, func(c cell, key uint64) int {
		if c.high < key {
			return -1
		}
		return 1
	})
	if i == len(f.cells) {
		return f.s.n
	}
	c := f.cells[i]
	if key < c.low {
		return c.before
	}
	if key == c.high {
		return c.before + c.n
	}
	var inside uint64
	for _, a := range f.atoms {
		if a.key >= c.low && a.key <= key {
			inside += a.n
		}
	}
	spread := float64(key-c.low+1) / (float64(c.high-c.low) + 1)
	return c.before + min(inside+uint64(spread*float64(c.n-min(c.atoms, c.n))), c.n)
}

// Quantile is the quantile of the values by linear interpolation, as the
// function Quantile; NaN where there are none. Exact where the sketch is, off by
// at most a cell otherwise.
func (s *Sketch) Quantile(q float64) float64 { return s.freeze().quantile(q) }

// Rank is how many values are at most v, off by at most RankError times N.
func (s *Sketch) Rank(v float64) int {
	if math.IsNaN(v) || s.n == 0 || v < s.Min() {
		return 0
	}
	if v >= s.Max() {
		return s.N()
	}
	return int(s.freeze().upTo(keyOf(v)))
}

// Bytes bounds the memory of the sketch.
func (s *Sketch) Bytes() int {
	b := 40 * s.limit
	if s.groups != nil {
		b += 8 * 64 * 65
	}
	return b
}
