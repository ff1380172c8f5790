package multivariate

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/gnomon-dev/gnomon/driftlib"
	"gonum.org/v1/gonum/stat/distuv"
)

// RandomFeatures maps vectors to random Fourier features
// sqrt(2/D) cos(w_j x + b_j), w_j normal with deviation 1/sigma, b_j uniform on
// [0, 2 pi): their inner product is the Gaussian kernel within O(1/sqrt(D)), so
// that a mean of them, which a stream can keep, stands for all rows.
// Immutable, safe for concurrent use; two of the same numbers are the same.
//
// Source: Rahimi and Recht, "Random features for large-scale kernel machines",
// NeurIPS (2007).
type RandomFeatures struct {
	dim, features int
	weights       []float64 // feature by feature
	phases        []float64
}

// NewRandomFeatures draws features for vectors of dim components under a kernel
// of a bandwidth. 256 features are a good number. Errors are driftlib.ErrValue.
func NewRandomFeatures(dim, features int, bandwidth float64, seed uint64) (*RandomFeatures, error) {
	if dim < 1 || features < 1 || dim > 1<<28/features || !(bandwidth > 0) || math.IsInf(bandwidth, 0) {
		return nil, fmt.Errorf("%w: %d components, %d features, bandwidth %v", driftlib.ErrValue, dim, features, bandwidth)
	}
	rng := rand.New(rand.NewPCG(seed, 0x726666))
	f := &RandomFeatures{dim: dim, features: features, weights: make([]float64, dim*features), phases: make([]float64, features)}
	for i := range f.weights {
		f.weights[i] = rng.NormFloat64() / bandwidth
	}
	for j := range f.phases {
		f.phases[j] = 2 * math.Pi * rng.Float64()
	}
	return f, nil
}

// Transform appends the features of a vector to dst. Errors: driftlib.ErrLength,
// driftlib.ErrValue for values that are not finite.
func (f *RandomFeatures) Transform(dst, x []float64) ([]float64, error) {
	if len(x) != f.dim {
		return dst, fmt.Errorf("%w: a vector of %d components for features of %d", driftlib.ErrLength, len(x), f.dim)
	}
	from := len(dst)
	scale := math.Sqrt(2 / float64(f.features))
	for j, phase := range f.phases {
		v := scale * math.Cos(dot(f.weights[j*f.dim:(j+1)*f.dim], x)+phase)
		if !finite(v) {
			return dst[:from], fmt.Errorf("%w: a component that is not finite, or too large for the bandwidth", driftlib.ErrValue)
		}
		dst = append(dst, v)
	}
	return dst, nil
}

// Embedding is the mean of a stream of vectors in the features' space: 16 bytes
// a feature, however many rows. Not safe for concurrent use.
type Embedding struct {
	f       *RandomFeatures
	n       float64
	sums    []float64
	squares []float64
	scratch []float64
}

// NewEmbedding starts an empty mean.
func (f *RandomFeatures) NewEmbedding() *Embedding {
	return &Embedding{f: f, sums: make([]float64, f.features), squares: make([]float64, f.features)}
}

// Observe folds in one vector. Errors are those of Transform; the vector is left
// out then.
func (e *Embedding) Observe(x []float64) (err error) {
	if e.scratch, err = e.f.Transform(e.scratch[:0], x); err != nil {
		return err
	}
	e.n++
	for j, v := range e.scratch {
		e.sums[j] += v
		e.squares[j] += v * v
	}
	return nil
}

// Merge adds another stream of the same features; driftlib.ErrLength otherwise.
// Merging is associative and commutative up to the rounding of a sum.
func (e *Embedding) Merge(o *Embedding) error {
	if len(e.sums) != len(o.sums) || e.f.phases[0] != o.f.phases[0] {
		return fmt.Errorf("%w: embeddings of different features", driftlib.ErrLength)
	}
	e.n += o.n
	for j := range e.sums {
		e.sums[j] += o.sums[j]
		e.squares[j] += o.squares[j]
	}
	return nil
}

// N is the number of vectors; Bytes the memory of the mean.
func (e *Embedding) N() int { return int(e.n) }

// Bytes is the memory of the mean.
func (e *Embedding) Bytes() int { return 16 * len(e.sums) }

// Discrepancy is the result of EmbeddingMMD.
type Discrepancy struct {
	// Squared is the squared maximum mean discrepancy by the unbiased estimator,
	// within O(1/sqrt(features)) of the kernel's.
	Squared float64
	// PValue tests the means of the features, each by its z-score, adjusted for
	// their number by Bonferroni; asymptotic, good from some hundred rows a side.
	PValue float64
}

// EmbeddingMMD compares two streams of vectors by the means of their random
// features: MMD in one pass and bounded memory. Needs two vectors a side
// (driftlib.ErrDegenerate), of the same features (driftlib.ErrLength).
//
// Source: Gretton and others (2012), equation 3, with the kernel of Rahimi and
// Recht (2007); Zhao and Meng, "FastMMD", Neural Computation 27 (2015).
func EmbeddingMMD(x, y *Embedding) (Discrepancy, error) {
	switch {
	case len(x.sums) != len(y.sums) || x.f.phases[0] != y.f.phases[0]:
		return Discrepancy{}, fmt.Errorf("%w: embeddings of different features", driftlib.ErrLength)
	case x.n < 2 || y.n < 2:
		return Discrepancy{}, fmt.Errorf("%w: %.0f and %.0f vectors, two are needed", driftlib.ErrDegenerate, x.n, y.n)
	}
	within := func(e *Embedding) float64 {
		norm := 0.0
		for _, s := range e.squares {
			norm += s
		}
		return (dot(e.sums, e.sums) - norm) / (e.n * (e.n - 1))
	}
	r := Discrepancy{Squared: within(x) + within(y) - 2*dot(x.sums, y.sums)/(x.n*y.n)}
	most := 0.0
	for j := range x.sums {
		a, b := x.sums[j]/x.n, y.sums[j]/y.n
		v := (x.squares[j]/x.n-a*a)/(x.n-1) + (y.squares[j]/y.n-b*b)/(y.n-1)
		if d := math.Abs(a - b); d > 0 {
			most = max(most, d/math.Sqrt(max(v, 1e-300)))
		}
	}
	r.PValue = min(1, 2*float64(len(x.sums))*distuv.UnitNormal.Survival(most))
	return r, nil
}
