// Package noise measures how much two correct runs of one model differ:
// half precision, TF32 and the order of a batch move answers, and where two
// answers are nearly tied they disagree. Disagreement between primary and
// shadow is judged against that floor and not against zero.
package noise

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"gonum.org/v1/gonum/mathext"
)

// Count is comparisons of two runs, and what they showed.
type Count struct {
	Comparisons   int
	Disagreements int
	MaxAbs        float64 // largest absolute difference of raw output elements
}

// Note counts one comparison.
func (c *Count) Note(d compare.Delta) {
	c.Comparisons++
	if !d.Agree {
		c.Disagreements++
	}
	c.MaxAbs = max(c.MaxAbs, d.MaxAbs)
}

// Plus is both together.
func (c Count) Plus(d Count) Count {
	return Count{c.Comparisons + d.Comparisons, c.Disagreements + d.Disagreements, max(c.MaxAbs, d.MaxAbs)}
}

// confidence of the bound that a floor is.
const confidence = .99

// Upper is the 99 % upper bound of the share of disagreements (Clopper and
// Pearson 1934): the p with P(Binomial(n, p) <= d) = 1 %; 1 without
// comparisons.
func (c Count) Upper() float64 { return Upper(c.Disagreements, c.Comparisons) }

// Upper is Count.Upper for d of n.
func Upper(d, n int) float64 {
	if n <= 0 || d >= n {
		return 1
	}
	return mathext.InvRegIncBeta(float64(d+1), float64(n-d), confidence)
}

// Total adds up rounds. Safe for concurrent use.
type Total struct {
	mu    sync.Mutex
	count Count
	at    time.Time
	err   string
}

// Add adds a round; err is why it was cut short.
func (t *Total) Add(c Count, err error, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count = t.count.Plus(c)
	t.at, t.err = at, ""
	if err != nil {
		t.err = err.Error()
	}
}

// Reset forgets: another model is in place.
func (t *Total) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count, t.at, t.err = Count{}, time.Time{}, ""
}

// Get is the sum so far.
func (t *Total) Get() Count {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Sizes of the two runs' batches: the second meets every sample in another
// place of another batch, and in the opposite order.
const (
	firstBatch  = 64
	secondBatch = 7
)

// Measure runs the samples twice on one engine, chunk by chunk until ctx ends,
// and compares the answers. Samples that cannot be answered or read are left
// out.
func Measure(ctx context.Context, e shadow.Engine, k compare.Kind, samples []shadow.Sample) (Count, error) {
	var c Count
	for chunk := range slices.Chunk(samples, firstBatch) {
		first, err := e.Infer(ctx, chunk)
		if err != nil {
			return c, err
		}
		second, err := backwards(ctx, e, chunk)
		if err != nil {
			return c, err
		}
		for i := range chunk {
			a, okA := answer(k, first[i])
			b, okB := answer(k, second[i])
			if !okA || !okB {
				continue
			}
			c.Note(k.Compare(a, b))
		}
	}
	return c, nil
}

// backwards runs the samples last to first, and gives the answers in their
// order.
func backwards(ctx context.Context, e shadow.Engine, samples []shadow.Sample) ([]shadow.Result, error) {
	turned := slices.Clone(samples)
	slices.Reverse(turned)
	out := make([]shadow.Result, 0, len(samples))
	for chunk := range slices.Chunk(turned, secondBatch) {
		results, err := e.Infer(ctx, chunk)
		if err != nil {
			return nil, err
		}
		out = append(out, results...)
	}
	slices.Reverse(out)
	return out, nil
}

func answer(k compare.Kind, r shadow.Result) (compare.Answer, bool) {
	if r.Err != nil {
		return compare.Answer{}, false
	}
	p, err := k.Read(r.Outputs)
	return compare.Answer{Prediction: p, Outputs: r.Outputs}, err == nil
}
