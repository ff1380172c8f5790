package schema

import (
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/feature"
)

// ringSize is the number of a column's last values that are compared with
// other columns' references.
const ringSize = 64

// column is one feature of the reference.
type column struct {
	name    string
	ignored bool // no input
	// unlabelled: counted under Other.
	unlabelled bool
	text       bool
	binner     *profile.Binner
	shares     []float64 // of the reference's rows, by bin
	rows       float64   // independent rows that the reference is worth
	tau        float64
	low        float64 // range of the reference, a rounding error wider
	high       float64
	ranged     bool
	sample     []float64 // ascending
	eighths    []float64 // its seven inner quantiles
	known      map[uint64]bool
	counts     []counted
	values     int // counts of single values; those behind are of episodes

	recent [ringSize]float64 // last values; of texts their hashes' bits
	filled int
	next   int
	run    int     // records with the same value in a row
	last   float64 // that value
	holds  string  // feature whose values these seem to be
}

// counted is a share with its kind.
type counted struct {
	share
	kind Kind
}

func newColumn(f *profile.Feature) (*column, error) {
	b, err := profile.NewBinner(f)
	if err != nil {
		return nil, err
	}
	c := &column{name: f.Name, text: f.Kind == profile.Categorical, binner: b, tau: max(f.Tau, 1), sample: f.Sample, known: map[uint64]bool{}}
	c.rows = float64(f.Count) / c.tau
	for k := 1; k < 8 && len(f.Sample) > 0; k++ {
		c.eighths = append(c.eighths, profile.Quantile(f.Sample, float64(k)/8))
	}
	counts := map[string]float64{}
	for _, bin := range f.Bins {
		c.shares = append(c.shares, float64(bin.Count)/float64(max(f.Count, 1)))
		counts[bin.Code] += float64(bin.Count)
		if bin.Category != nil {
			c.known[xxhash.Sum64String(*bin.Category)] = true
		}
	}
	// k of n rows, of which tau are worth one.
	chance := func(k float64) float64 { return upper(k/c.tau, c.rows) }
	c.count(Retyped, rare)
	c.count(Missing, chance(counts[profile.CodeMissing]))
	if c.text {
		c.count(Unseen, chance(counts[profile.CodeOther]))
	} else {
		c.count(NaN, chance(counts[profile.CodeNaN]+counts[profile.CodeMissing]))
	}
	if m := f.Moments; m != nil {
		slack := 1e-6 * max(math.Abs(m.Min), math.Abs(m.Max)) // FP32 on the wire, FP64 in the file
		c.low, c.high, c.ranged = m.Min-slack, m.Max+slack, true
		// A new value is outside of n others with the two ends' probability, which
		// is Beta(2, n-1).
		c.count(OutOfRange, upper(1, c.rows))
	}
	c.values = len(c.counts)
	c.count(Constant, 1)
	c.count(Order, 1)
	return c, nil
}

func (c *column) count(k Kind, chance float64) {
	c.counts = append(c.counts, counted{*newShare(chance), k})
}

func (c *column) episode(k Kind) *share {
	for i := range c.counts[c.values:] {
		if s := &c.counts[c.values+i]; s.kind == k {
			return &s.share
		}
	}
	return nil // cannot be: every column has both
}

// subject is what the column's counts of a kind are exported as.
func (c *column) subject(k Kind) subject {
	if c.unlabelled {
		return subject{Other, k}
	}
	return subject{c.name, k}
}

// look notes a value and says what is odd about it; "" where nothing is.
func (c *column) look(v feature.Value) Kind {
	if v.Missing {
		return Missing
	}
	if v.IsText != c.text {
		return Retyped
	}
	if c.text {
		h := xxhash.Sum64String(v.Text)
		c.push(math.Float64frombits(h))
		if c.binner.CategoryIndex(v.Text) < 0 || !c.known[h] {
			return Unseen
		}
		return ""
	}
	if math.IsNaN(v.Number) {
		return NaN
	}
	c.push(v.Number)
	if c.ranged && (v.Number < c.low || v.Number > c.high) {
		return OutOfRange
	}
	return ""
}

func (c *column) push(v float64) {
	if math.Float64bits(v) == math.Float64bits(c.last) && c.filled > 0 {
		c.run++
	} else {
		c.run, c.last = 1, v
	}
	c.recent[c.next] = v
	c.next = (c.next + 1) % ringSize
	c.filled = min(c.filled+1, ringSize)
}

// stuck reports whether the run of one value is longer than chance allows: q to
// the power of the run below the tail, where q is the reference's share of the
// value's bin.
func (c *column) stuck() bool {
	if c.run < ringSize/2 {
		return false
	}
	q := 0.0
	if c.text {
		for i := range c.shares { // the most frequent one: texts are kept as hashes
			q = max(q, c.shares[i])
		}
	} else if bin := c.binner.Index(c.last); bin >= 0 {
		q = c.shares[bin]
	}
	q = upper(q*c.rows, c.rows)
	return q < 1 && float64(c.run)/c.tau*math.Log(q) <= math.Log(tail)
}

// ordered are the last values, ascending; nil while there are too few.
func (c *column) ordered() []float64 {
	if c.filled < ringSize || c.text {
		return nil
	}
	out := slices.Clone(c.recent[:])
	slices.Sort(out)
	return out
}
