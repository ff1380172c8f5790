package profile

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/internal/radix"
)

// Column is the reference values of one feature, row by row, in the order of
// time where there is one.
type Column struct {
	Name    string
	Kind    Kind
	Floats  []float64 // numeric
	Strings []string  // categorical
	Missing []bool    // nil: none is missing
}

func (c *Column) rows() int { return max(len(c.Floats), len(c.Strings)) }

func (c *Column) missing(i int) bool { return c.Missing != nil && c.Missing[i] }

// Options say how a profile is built. The zero value means the defaults.
type Options struct {
	Bins       int  // reference-quantile bins; 10
	Categories int  // largest number of categories with a bin of their own; 50
	MinCount   int  // a category with fewer rows is folded into "other", so that a rare name does not leave the house; 5
	Sample     int  // largest sample kept a feature; 10,000
	NoAtoms    bool // without the heavy-atom rule (for comparison with others)
	NoTails    bool // without the tail cuts
	// Scratch is memory that one profile after another is built with; nil where
	// every one takes its own.
	Scratch *Scratch
}

// Scratch is memory to build profiles with. Not safe for concurrent use.
type Scratch struct {
	floats   []float64
	singles  []float32
	sequence []int
}

// Sort sorts values ascending by radix sort, in the scratch memory. There must
// be no NaN among them.
func (s *Scratch) Sort(values []float64) {
	if cap(s.floats) < len(values) {
		s.floats = make([]float64, len(values))
	}
	radix.Float64s(values, s.floats[:cap(s.floats)])
}

// Sort32 is Sort of single precision.
func (s *Scratch) Sort32(values []float32) {
	if cap(s.singles) < len(values) {
		s.singles = make([]float32, len(values))
	}
	radix.Float32s(values, s.singles[:cap(s.singles)])
}

// indexes is scratch memory of n integers, of any content.
func (s *Scratch) indexes(n int) []int {
	if cap(s.sequence) < n {
		s.sequence = make([]int, n)
	}
	return s.sequence[:n]
}

func (o Options) withDefaults() Options {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&o.Bins, 10)
	set(&o.Categories, 50)
	set(&o.MinCount, 5)
	set(&o.Sample, 10_000)
	if o.Scratch == nil {
		o.Scratch = &Scratch{}
	}
	return o
}

// FromColumns profiles columns held in memory, exactly. All columns must have
// the same number of rows.
func FromColumns(columns []Column, opts Options) (*Profile, error) {
	opts = opts.withDefaults()
	if len(columns) == 0 || columns[0].rows() == 0 {
		return nil, ErrNoRows
	}
	p := &Profile{Version: FormatVersion, Rows: columns[0].rows()}
	for i := range columns {
		c := &columns[i]
		if c.rows() != p.Rows || (c.Missing != nil && len(c.Missing) != p.Rows) {
			return nil, fmt.Errorf("%w: column %q has %d rows, the first one %d", driftlib.ErrLength, c.Name, c.rows(), p.Rows)
		}
		var f Feature
		if c.Kind == Categorical {
			f = categorical(c, opts)
		} else {
			f = numeric(c, opts)
		}
		if err := f.finish(c, opts.Scratch); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		p.Features = append(p.Features, f)
	}
	return p, p.Validate()
}

func categorical(c *Column, opts Options) Feature {
	f := Feature{Name: c.Name, Kind: Categorical, Count: c.rows()}
	counts := map[string]int{}
	for i, s := range c.Strings {
		if c.missing(i) {
			f.Missing++
		} else {
			counts[s]++
		}
	}
	f.Bins = categoryBins(counts, opts)
	return f
}

// categoryBins are the bins of counted names, without counts: the most frequent,
// in alphabetical order, those of fewer rows than MinCount left to "other".
func categoryBins(counts map[string]int, opts Options) (bins []Bin) {
	names := make([]string, 0, len(counts))
	for s := range counts {
		names = append(names, s)
	}
	sort.Slice(names, func(i, j int) bool {
		if counts[names[i]] != counts[names[j]] {
			return counts[names[i]] > counts[names[j]]
		}
		return names[i] < names[j]
	})
	names = names[:min(len(names), opts.Categories)]
	names = slices.DeleteFunc(names, func(s string) bool { return counts[s] < opts.MinCount })
	slices.Sort(names)
	for i := range names {
		bins = append(bins, Bin{Code: fmt.Sprintf("c%02d", i+1), Category: &names[i]})
	}
	return append(bins, Bin{Code: CodeMissing}, Bin{Code: CodeOther})
}

func numeric(c *Column, opts Options) Feature {
	f := Feature{Name: c.Name, Kind: Numeric, Count: c.rows()}
	finite := make([]float64, 0, len(c.Floats))
	for i, v := range c.Floats {
		switch {
		case c.missing(i):
			f.Missing++
		case !math.IsNaN(v) && !math.IsInf(v, 0):
			finite = append(finite, v)
		}
	}
	opts.Scratch.Sort(finite)
	f.Bins = []Bin{{Code: CodeNegInf}}
	f.Bins = append(f.Bins, intervals(finite, opts)...)
	f.Bins = append(f.Bins, Bin{Code: CodePosInf}, Bin{Code: CodeNaN}, Bin{Code: CodeMissing})
	if len(finite) > 0 {
		f.Moments = moments(finite)
		f.Sample = thin(finite, opts.Sample)
	}
	return f
}

// cut is the upper end of a bin: at value, or just below it where open.
type cut struct {
	value float64
	open  bool
	major bool // of the ten bins, not of a tail
}

func (c cut) edge() float64 {
	if c.open {
		return math.Nextafter(c.value, math.Inf(-1))
	}
	return c.value
}

// intervals cuts the real line by the sorted reference values.
func intervals(sorted []float64, opts Options) []Bin {
	if len(sorted) == 0 {
		return []Bin{{Code: "01"}}
	}
	var cuts []cut
	for k := 1; k < opts.Bins; k++ {
		cuts = append(cuts, cut{value: Quantile(sorted, float64(k)/float64(opts.Bins)), major: true})
	}
	if !opts.NoAtoms {
		for _, v := range heavyAtoms(sorted, opts.Bins) {
			cuts = append(cuts, cut{value: v, open: true, major: true}, cut{value: v, major: true})
		}
	}
	if !opts.NoTails {
		lowest, highest := sorted[0], sorted[len(sorted)-1]
		cuts = append(cuts, cut{value: lowest, open: true}, cut{value: Quantile(sorted, .01)}, cut{value: Quantile(sorted, .99)}, cut{value: highest})
	}
	return coded(merge(cuts))
}

// merge sorts cuts and joins those at the same place; a major one wins.
func merge(cuts []cut) []cut {
	slices.SortStableFunc(cuts, func(a, b cut) int {
		switch x, y := a.edge(), b.edge(); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	out := cuts[:0]
	for _, c := range cuts {
		if n := len(out); n > 0 && out[n-1].edge() == c.edge() {
			out[n-1].major = out[n-1].major || c.major
			continue
		}
		out = append(out, c)
	}
	return out
}

// coded names the bins between the cuts: two digits a ten-bin group, a letter
// where the tails cut a group in pieces.
func coded(cuts []cut) []Bin {
	var groups [][]Bin
	var open []Bin
	for _, c := range cuts {
		v := c.value
		open = append(open, Bin{Upper: &v, Open: c.open})
		if c.major {
			groups, open = append(groups, open), nil
		}
	}
	groups = append(groups, append(open, Bin{}))
	var bins []Bin
	for g, group := range groups {
		for i, b := range group {
			b.Code = fmt.Sprintf("%02d", g+1)
			if len(group) > 1 {
				b.Code += string(rune('a' + i))
			}
			bins = append(bins, b)
		}
	}
	return bins
}

// heavyAtoms are the values that hold more than 1/bins of the mass.
func heavyAtoms(sorted []float64, bins int) []float64 {
	var out []float64
	for i := 0; i < len(sorted); {
		j := i + 1
		for j < len(sorted) && sorted[j] == sorted[i] {
			j++
		}
		if (j-i)*bins > len(sorted) {
			out = append(out, sorted[i])
		}
		i = j
	}
	return out
}

// Quantile is the quantile of sorted values by linear interpolation (type 7 of
// Hyndman and Fan, numpy's default). NaN where there are none.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 || math.IsNaN(q) {
		return math.NaN()
	}
	h := min(max(q, 0), 1) * float64(len(sorted)-1)
	i := int(h)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}

func moments(sorted []float64) *Moments {
	m := &Moments{Min: sorted[0], Max: sorted[len(sorted)-1]}
	n := float64(len(sorted))
	for _, v := range sorted {
		m.Mean += v / n
	}
	for _, v := range sorted {
		m.Std += (v - m.Mean) * (v - m.Mean) / n
	}
	m.Std = math.Sqrt(m.Std)
	return m
}

// thin keeps at most limit of the sorted values, evenly spaced in rank, first
// and last included.
func thin(sorted []float64, limit int) []float64 {
	if len(sorted) <= limit {
		return sorted
	}
	out := make([]float64, limit)
	for i := range out {
		out[i] = sorted[int(math.Round(float64(i)*float64(len(sorted)-1)/float64(limit-1)))]
	}
	return out
}

// finish counts the bins and measures how dependent the rows are.
func (f *Feature) finish(c *Column, s *Scratch) error {
	b, err := NewBinner(f)
	if err != nil {
		return err
	}
	sequence := s.indexes(c.rows())
	for i := range sequence {
		switch {
		case c.missing(i):
			sequence[i] = b.Missing()
		case c.Kind == Categorical:
			sequence[i] = b.CategoryIndex(c.Strings[i])
		default:
			sequence[i] = b.Index(c.Floats[i])
		}
		f.Bins[sequence[i]].Count++
	}
	f.DesignEffect = designEffect(sequence, b.Len())
	f.Tau, f.TauBins = dependence(sequence, f.Bins, b)
	return nil
}
