package profile

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// ErrCategories: a column with more different names than a Builder holds; it is
// text or an identifier, not a category.
var ErrCategories = errors.New("too many categories")

const (
	// mostCategories is how many different names a column may have.
	mostCategories = 100_000
	// stretchRows is the length of the contiguous stretch of rows that the
	// dependence in time is measured on.
	stretchRows = 4096
)

// Builder profiles a stream in one pass and bounded memory: 200 KB a numeric
// column (a Sketch and a stretch of rows), and the names of a categorical one,
// at most 100,000 of them. Builders of parts of the data merge; the order in
// which rows came and parts were merged makes no difference to bins, counts,
// moments and samples, which are those of FromColumns while a column has at most
// SketchCells different values. Beyond, edges are moved to the ends of cells, so
// that the counts stay exact; moments are those of the cells' middles.
//
// The dependence in time is that of the longest contiguous stretch of at most
// 4,096 rows at the beginning of a part. Not safe for concurrent use.
type Builder struct {
	opts    Options
	columns []*stream
}

// stream is one column of a Builder.
type stream struct {
	name  string
	kind  Kind
	count int
	// of numeric columns
	sketch              *Sketch
	missing             int
	nan, posInf, negInf int
	stretch             []float64 // NaN bits are kept; missing is the payload below
	// of categorical ones
	names        map[string]int
	stretchNames []string
}

// absentBits is the NaN that stands for a missing value in a stretch.
const absentBits = 0x7ff8000000006d69

// NewBuilder starts a profile of named columns; Kind is all that is read of each
// beside Name. Errors: ErrNoRows without columns, ErrFormat for names that are
// empty or repeated.
func NewBuilder(columns []Column, opts Options) (*Builder, error) {
	if len(columns) == 0 {
		return nil, ErrNoRows
	}
	b := &Builder{opts: opts.withDefaults()}
	seen := map[string]bool{}
	for _, c := range columns {
		if c.Name == "" || seen[c.Name] {
			return nil, fmt.Errorf("%w: column %q is empty or repeated", ErrFormat, c.Name)
		}
		seen[c.Name] = true
		s := &stream{name: c.Name, kind: c.Kind}
		switch c.Kind {
		case Categorical:
			s.names = map[string]int{}
		case Numeric:
			s.sketch = NewSketch(SketchCells)
		default:
			return nil, fmt.Errorf("%w: column %q: kind %q is neither numeric nor categorical", ErrFormat, c.Name, c.Kind)
		}
		b.columns = append(b.columns, s)
	}
	return b, nil
}

func (b *Builder) column(i int, kind Kind) (*stream, error) {
	if i < 0 || i >= len(b.columns) {
		return nil, fmt.Errorf("%w: column %d of %d", driftlib.ErrLength, i, len(b.columns))
	}
	if s := b.columns[i]; kind == "" || s.kind == kind {
		return s, nil
	}
	return nil, fmt.Errorf("%w: column %q is %s", driftlib.ErrValue, b.columns[i].name, b.columns[i].kind)
}

// Number adds a value of a numeric column; NaN and infinities have bins of their
// own.
func (b *Builder) Number(column int, v float64) error {
	s, err := b.column(column, Numeric)
	if err != nil {
		return err
	}
	s.count++
	if math.IsNaN(v) {
		v = math.NaN() // one NaN for all
	}
	s.stretched(v)
	switch {
	case math.IsNaN(v):
		s.nan++
	case math.IsInf(v, 1):
		s.posInf++
	case math.IsInf(v, -1):
		s.negInf++
	default:
		return s.sketch.Add(v, 1)
	}
	return nil
}

// Category adds a value of a categorical column; ErrCategories where there are
// too many.
func (b *Builder) Category(column int, name string) error {
	s, err := b.column(column, Categorical)
	if err != nil {
		return err
	}
	if _, known := s.names[name]; !known && len(s.names) >= mostCategories {
		return fmt.Errorf("%w: column %q has more than %d", ErrCategories, s.name, mostCategories)
	}
	s.count++
	s.names[name]++
	if len(s.stretchNames) < stretchRows {
		s.stretchNames = append(s.stretchNames, "v"+name)
	}
	return nil
}

// Missing adds a row without a value.
func (b *Builder) Missing(column int) error {
	s, err := b.column(column, "")
	if err != nil {
		return err
	}
	s.count++
	s.missing++
	if s.kind == Categorical {
		if len(s.stretchNames) < stretchRows {
			s.stretchNames = append(s.stretchNames, "")
		}
		return nil
	}
	s.stretched(math.Float64frombits(absentBits))
	return nil
}

func (s *stream) stretched(v float64) {
	if len(s.stretch) < stretchRows {
		s.stretch = append(s.stretch, v)
	}
}

// Merge adds what another Builder of the same columns has seen, which is not
// changed. Errors: driftlib.ErrLength for other columns, ErrCategories.
func (b *Builder) Merge(o *Builder) error {
	if len(b.columns) != len(o.columns) {
		return fmt.Errorf("%w: %d and %d columns", driftlib.ErrLength, len(b.columns), len(o.columns))
	}
	for i, s := range b.columns {
		t := o.columns[i]
		if s.name != t.name || s.kind != t.kind {
			return fmt.Errorf("%w: column %d is %q (%s) and %q (%s)", driftlib.ErrLength, i, s.name, s.kind, t.name, t.kind)
		}
	}
	for i, s := range b.columns {
		if err := s.merge(o.columns[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) merge(t *stream) error {
	s.count += t.count
	s.missing += t.missing
	s.nan, s.posInf, s.negInf = s.nan+t.nan, s.posInf+t.posInf, s.negInf+t.negInf
	if s.kind == Categorical {
		for name, n := range t.names {
			s.names[name] += n
		}
		if len(s.names) > mostCategories {
			return fmt.Errorf("%w: column %q has more than %d", ErrCategories, s.name, mostCategories)
		}
		if longer(len(t.stretchNames), len(s.stretchNames), func() int { return slices.Compare(t.stretchNames, s.stretchNames) }) {
			s.stretchNames = slices.Clone(t.stretchNames)
		}
		return nil
	}
	if longer(len(t.stretch), len(s.stretch), func() int { return slices.CompareFunc(t.stretch, s.stretch, bitwise) }) {
		s.stretch = slices.Clone(t.stretch)
	}
	return s.sketch.Merge(t.sketch)
}

// longer is an order of stretches, so that the one that is kept does not depend
// on the order of merging: the longer, of equally long ones the greater.
func longer(a, b int, compare func() int) bool { return a > b || (a == b && compare() > 0) }

func bitwise(a, b float64) int {
	x, y := math.Float64bits(a), math.Float64bits(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// Profile is the profile of all rows so far. All columns must have had as many
// (driftlib.ErrLength), at least one (ErrNoRows).
func (b *Builder) Profile() (*Profile, error) {
	p := &Profile{Version: FormatVersion, Rows: b.columns[0].count}
	if p.Rows == 0 {
		return nil, ErrNoRows
	}
	for _, s := range b.columns {
		if s.count != p.Rows {
			return nil, fmt.Errorf("%w: column %q has %d rows, the first one %d", driftlib.ErrLength, s.name, s.count, p.Rows)
		}
		f, err := s.feature(b.opts)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", s.name, err)
		}
		p.Features = append(p.Features, f)
	}
	return p, p.Validate()
}

func (s *stream) feature(opts Options) (Feature, error) {
	f := Feature{Name: s.name, Kind: s.kind, Count: s.count, Missing: s.missing}
	if s.kind == Categorical {
		f.Bins = categoryBins(s.names, opts)
	} else {
		f.Bins = s.numericBins(&f, opts)
	}
	b, err := NewBinner(&f)
	if err != nil {
		return f, err
	}
	sequence := s.sequence(b)
	if s.kind == Categorical {
		f.Bins[b.Missing()].Count = s.missing
		for name, n := range s.names {
			f.Bins[b.CategoryIndex(name)].Count += n
		}
	}
	f.DesignEffect = designEffect(sequence, b.Len())
	f.Tau, f.TauBins = 1, 1
	if len(sequence) >= tauRows {
		own := slices.Clone(f.Bins) // the scores are those of the stretch's own bins
		for i := range own {
			own[i].Count = 0
		}
		for _, k := range sequence {
			own[k].Count++
		}
		f.Tau, f.TauBins = dependence(sequence, own, b)
	}
	return f, nil
}

// sequence is the bins of the stretch.
func (s *stream) sequence(b *Binner) []int {
	var out []int
	for _, v := range s.stretch {
		if math.Float64bits(v) == absentBits {
			out = append(out, b.Missing())
		} else {
			out = append(out, b.Index(v))
		}
	}
	for _, name := range s.stretchNames {
		if name == "" {
			out = append(out, b.Missing())
		} else {
			out = append(out, b.CategoryIndex(name[1:]))
		}
	}
	return out
}

// numericBins cuts the values by their sketch, counts them, and takes moments
// and sample.
func (s *stream) numericBins(f *Feature, opts Options) []Bin {
	inside := []Bin{{Code: "01"}}
	if n := s.sketch.N(); n > 0 {
		z := s.sketch.freeze()
		inside = coded(merge(z.cuts(opts)))
		before := uint64(0)
		for i := range inside {
			upTo := uint64(n)
			if u := inside[i].Upper; u != nil {
				upTo = z.upTo(keyOf(cut{value: *u, open: inside[i].Open}.edge()))
			}
			inside[i].Count = int(upTo - min(before, upTo))
			before = max(before, upTo)
		}
		f.Moments = z.moments()
		keep := min(n, opts.Sample)
		for i := range keep {
			rank := i
			if n > keep {
				rank = int(math.Round(float64(i) * float64(n-1) / float64(max(keep-1, 1))))
			}
			f.Sample = append(f.Sample, z.at(rank))
		}
		slices.Sort(f.Sample)
	}
	bins := append([]Bin{{Code: CodeNegInf, Count: s.negInf}}, inside...)
	return append(bins, Bin{Code: CodePosInf, Count: s.posInf}, Bin{Code: CodeNaN, Count: s.nan}, Bin{Code: CodeMissing, Count: s.missing})
}

// cuts are those of intervals, moved to the ends of cells.
func (f *frozen) cuts(opts Options) (cuts []cut) {
	snapped := func(q float64, major bool) cut {
		v := f.quantile(q)
		i, _ := slices.BinarySearchFunc(f.cells, keyOf(v), func(c cell, key uint64) int {
			if c.high < key {
				return -1
			}
			return 1
		})
		if !f.s.Exact() && i < len(f.cells) && keyOf(v) >= f.cells[i].low {
			v = floatOf(f.cells[i].high)
		}
		return cut{value: v, major: major}
	}
	for k := 1; k < opts.Bins; k++ {
		cuts = append(cuts, snapped(float64(k)/float64(opts.Bins), true))
	}
	if !opts.NoAtoms {
		atoms := f.atoms
		if f.s.Exact() {
			for _, c := range f.cells {
				atoms = append(atoms, atom{c.low, c.n})
			}
		}
		for _, a := range atoms {
			if a.n*uint64(opts.Bins) > f.s.n {
				cuts = append(cuts, cut{value: floatOf(a.key), open: true, major: true}, cut{value: floatOf(a.key), major: true})
			}
		}
	}
	if !opts.NoTails {
		cuts = append(cuts, cut{value: f.s.Min(), open: true}, snapped(.01, false), snapped(.99, false), cut{value: f.s.Max()})
	}
	return cuts
}

// moments are those of the cells' middles, which are the values where the sketch
// is exact.
func (f *frozen) moments() *Moments {
	m := &Moments{Min: f.s.Min(), Max: f.s.Max()}
	n := float64(f.s.n)
	middle := func(c cell) float64 { return floatOf(c.low)/2 + floatOf(c.high)/2 }
	for _, c := range f.cells {
		m.Mean += middle(c) * (float64(c.n) / n)
	}
	for _, c := range f.cells {
		d := middle(c) - m.Mean
		m.Std += d * d * (float64(c.n) / n)
	}
	m.Std = math.Sqrt(m.Std)
	return m
}
