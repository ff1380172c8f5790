package profile

import (
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib/internal/radix"
)

// Binner finds the bin of a value. Immutable, safe for concurrent use.
type Binner struct {
	edges      []float64 // ascending; interval k of the reals is (edges[k-1], edges[k]]
	first      int       // index of the first interval's bin
	group      []int     // of each bin: its ten-bin group
	groups     int
	categories map[string]int

	negInf, posInf, nan, missing, other int // -1 where the feature has no such bin
	labels                              []string
	lower, upper                        []float64 // ends of each bin; NaN where it is no interval
}

// NewBinner compiles a feature's bins. Errors name the bin that contradicts.
func NewBinner(f *Feature) (*Binner, error) {
	b := &Binner{negInf: -1, posInf: -1, nan: -1, missing: -1, other: -1, first: -1, categories: map[string]int{}}
	groups := map[string]int{}
	for i := range f.Bins {
		bin := &f.Bins[i]
		if err := b.place(i, bin, i > 0 && f.Bins[i-1].interval()); err != nil {
			return nil, fmt.Errorf("bins[%d]: %w", i, err)
		}
		key := bin.groupKey()
		if _, ok := groups[key]; !ok {
			groups[key] = len(groups)
		}
		b.group = append(b.group, groups[key])
	}
	b.groups = len(groups)
	if b.missing < 0 || (f.Kind == Numeric && (b.first < 0 || b.negInf < 0 || b.posInf < 0 || b.nan < 0)) || (f.Kind == Categorical && b.other < 0) {
		return nil, errors.New("a special bin is missing")
	}
	b.describe(f)
	return b, nil
}

// interval reports whether the bin is a piece of the real line.
func (b *Bin) interval() bool {
	return len(b.Code) >= 2 && b.Code[0] >= '0' && b.Code[0] <= '8' && b.Code != CodeNegInf
}

// groupKey is the ten-bin group: the two digits of an interval's code, and
// every other bin by itself.
func (b *Bin) groupKey() string {
	if b.interval() {
		return b.Code[:2]
	}
	return b.Code
}

func (b *Binner) place(i int, bin *Bin, afterInterval bool) error {
	switch {
	case bin.Category != nil:
		if _, dup := b.categories[*bin.Category]; dup {
			return fmt.Errorf("category %q is repeated", *bin.Category)
		}
		b.categories[*bin.Category] = i
	case bin.Code == CodeNegInf:
		b.negInf = i
	case bin.Code == CodePosInf:
		b.posInf = i
	case bin.Code == CodeNaN:
		b.nan = i
	case bin.Code == CodeMissing:
		b.missing = i
	case bin.Code == CodeOther:
		b.other = i
	case bin.interval():
		return b.placeInterval(i, bin, afterInterval)
	default:
		return fmt.Errorf("code %q is not known", bin.Code)
	}
	return nil
}

func (b *Binner) placeInterval(i int, bin *Bin, afterInterval bool) error {
	if b.first < 0 {
		b.first = i
	} else if !afterInterval || len(b.edges) < i-b.first {
		return errors.New("intervals must stand together, only the last one open upwards")
	}
	if bin.Upper == nil {
		return nil // the last
	}
	edge := *bin.Upper
	if bin.Open {
		edge = math.Nextafter(edge, math.Inf(-1))
	}
	if math.IsNaN(edge) || math.IsInf(edge, 0) || (len(b.edges) > 0 && edge <= b.edges[len(b.edges)-1]) {
		return fmt.Errorf("upper end %v is not above the one before", *bin.Upper)
	}
	b.edges = append(b.edges, edge)
	return nil
}

// Len is the number of bins.
func (b *Binner) Len() int { return len(b.group) }

// Groups is the number of ten-bin groups.
func (b *Binner) Groups() int { return b.groups }

// Index is the bin of a number. For a categorical feature it is "other".
func (b *Binner) Index(v float64) int {
	if b.first < 0 {
		return b.other
	}
	// v - v is NaN for NaN and the infinities alone.
	if d := v - v; d != d {
		switch {
		case v != v:
			return b.nan
		case v > 0:
			return b.posInf
		default:
			return b.negInf
		}
	}
	// A comparison without a branch each: the values are not predictable.
	k := b.first
	for _, e := range b.edges {
		above := 0
		if v > e {
			above = 1
		}
		k += above
	}
	return k
}

// CountSorted adds finite values, in ascending order, to the counts of their
// bins: a search for each edge instead of a comparison for each value.
func (b *Binner) CountSorted(sorted, counts []float64) {
	if b.first < 0 {
		counts[b.other] += float64(len(sorted))
		return
	}
	from := 0
	for k, e := range b.edges {
		n := sort.Search(len(sorted)-from, func(i int) bool { return sorted[from+i] > e })
		counts[b.first+k] += float64(n)
		from += n
	}
	counts[b.first+len(b.edges)] += float64(len(sorted) - from)
}

// Sort sorts values ascending by radix sort. There must be no NaN among them.
func Sort(values []float64) { radix.Float64s(values, nil) }

// CategoryIndex is the bin of a category; unknown ones are "other".
func (b *Binner) CategoryIndex(s string) int {
	if i, ok := b.categories[s]; ok {
		return i
	}
	return b.other
}

// Missing is the bin of a missing value.
func (b *Binner) Missing() int { return b.missing }

// Label is the bin label of the fleet's counters: code and interval or
// category, "03 (0.22, 0.3]".
func (b *Binner) Label(i int) string { return b.labels[i] }

// Ends are the ends of bin i; infinite where it is open, NaN where it is no
// interval.
func (b *Binner) Ends(i int) (lower, upper float64) { return b.lower[i], b.upper[i] }

// Rollup adds up counts of all bins to the ten bins that PSI and KL are taken
// over; special values stay bins of their own.
func (b *Binner) Rollup(counts []float64) []float64 {
	out := make([]float64, b.groups)
	for i, c := range counts {
		out[b.group[i]] += c
	}
	return out
}

// Ordered adds up nothing: it returns the counts of the intervals alone, in
// order, for statistics that need one.
func (b *Binner) Ordered(counts []float64) []float64 {
	if b.first < 0 {
		return nil
	}
	return counts[b.first : b.first+len(b.edges)+1]
}

func (b *Binner) describe(f *Feature) {
	special := map[string]string{CodeNegInf: "-Inf", CodePosInf: "+Inf", CodeNaN: "nan", CodeMissing: "missing", CodeOther: "other"}
	low, lowOpen := math.Inf(-1), false
	for i := range f.Bins {
		bin := &f.Bins[i]
		lower, upper := math.NaN(), math.NaN()
		name := special[bin.Code]
		switch {
		case bin.Category != nil:
			name = *bin.Category
		case bin.interval():
			lower, upper = low, math.Inf(1)
			open := true
			if bin.Upper != nil {
				upper, open = *bin.Upper, bin.Open
			}
			name = intervalName(lower, upper, lowOpen, open)
			low, lowOpen = upper, open
		}
		b.labels = append(b.labels, bin.Code+" "+name)
		b.lower, b.upper = append(b.lower, lower), append(b.upper, upper)
	}
}

// intervalName is "(a, b]"; "[a" where the bin before ends just below a, "b)"
// where this one does, "[a]" for a single value.
func intervalName(lower, upper float64, closedBelow, openAbove bool) string {
	if lower == upper {
		return "[" + short(lower) + "]"
	}
	var s strings.Builder
	s.WriteByte(map[bool]byte{true: '[', false: '('}[closedBelow && !math.IsInf(lower, -1)])
	s.WriteString(short(lower) + ", " + short(upper))
	s.WriteByte(map[bool]byte{true: ')', false: ']'}[openAbove])
	return s.String()
}

func short(v float64) string {
	if math.IsInf(v, 0) {
		return map[bool]string{true: "inf", false: "-inf"}[v > 0]
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// Group is the ten-bin group of bin i.
func (b *Binner) Group(i int) int { return b.group[i] }
