package multivariate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/gnomon-dev/gnomon/driftlib"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// ClassifierOptions say how DomainClassifier is trained. The zero value means
// the defaults.
type ClassifierOptions struct {
	Features int     // random Fourier features beside the components; 64, negative for none
	Ridge    float64 // penalty of the squared coefficients; 1
	Seed     uint64  // of the split and the features
}

// DomainResult is what a classifier made of two samples.
type DomainResult struct {
	// AUC is the share of pairs of held-out rows that the classifier puts in the
	// right order: 0.5 where the samples cannot be told apart, 1 where they are
	// apart. PValue is that of AUC > 0.5 by Mann and Whitney's test.
	AUC, PValue float64
	// Coefficients are those of the standardised components: the largest say what
	// has changed.
	Coefficients  []float64
	Train, Test   int
	Accuracy      float64 // at even odds, of the held-out rows
	Standard, Mid []float64
}

const mostComponents = 512

// DomainClassifier is the classifier two-sample test: half of either sample
// trains a logistic regression, on the standardised components and on random
// Fourier features of them, to tell second from first; the other half, which it
// has not seen, tests it. The p-value is that of the held-out AUC, so that it
// keeps its level whatever the classifier learned by heart. Needs four rows a
// side (driftlib.ErrDegenerate) and at most 512 components (ErrTooLarge). Other
// errors are those of FromRows.
//
// Source: Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR
// (2017).
func DomainClassifier(x, y Matrix, o ClassifierOptions) (DomainResult, error) {
	if err := checkBoth(x, y); err != nil {
		return DomainResult{}, err
	}
	switch {
	case x.Rows < 4 || y.Rows < 4:
		return DomainResult{}, fmt.Errorf("%w: %d and %d rows, four are needed", driftlib.ErrDegenerate, x.Rows, y.Rows)
	case x.Cols > mostComponents:
		return DomainResult{}, fmt.Errorf("%w: %d components, at most %d; project them first", ErrTooLarge, x.Cols, mostComponents)
	}
	if o.Features == 0 {
		o.Features = 64
	}
	if !(o.Ridge > 0) || math.IsInf(o.Ridge, 0) {
		o.Ridge = 1
	}
	d := design(x, y, &o)
	w, err := logistic(d.train, d.trainLabels, o.Ridge)
	if err != nil {
		return DomainResult{}, err
	}
	r := DomainResult{Coefficients: w[1 : 1+x.Cols], Train: len(d.trainLabels), Test: len(d.testLabels), Mid: d.mid, Standard: d.std}
	scores := make([]float64, r.Test)
	right := 0
	for i := range scores {
		scores[i] = dot(w, d.test[i])
		if (scores[i] > 0) == d.testLabels[i] {
			right++
		}
	}
	r.Accuracy = float64(right) / float64(r.Test)
	r.AUC, r.PValue = areaUnderCurve(scores, d.testLabels)
	return r, nil
}

// sides are the rows of a classifier, 1 in front, by halves.
type sides struct {
	train, test             [][]float64
	trainLabels, testLabels []bool
	mid, std                []float64
}

func design(x, y Matrix, o *ClassifierOptions) *sides {
	rng := rand.New(rand.NewPCG(o.Seed, 0x633273))
	d := &sides{mid: make([]float64, x.Cols), std: make([]float64, x.Cols)}
	type row struct {
		values []float64
		second bool
	}
	var train, test []row
	for s, m := range []Matrix{x, y} {
		for k, i := range rng.Perm(m.Rows) {
			if k < m.Rows/2 {
				train = append(train, row{m.Row(i), s == 1})
			} else {
				test = append(test, row{m.Row(i), s == 1})
			}
		}
	}
	for k := range d.mid { // of the training half: the other has not been seen
		for _, r := range train {
			d.mid[k] += r.values[k] / float64(len(train))
		}
		for _, r := range train {
			d.std[k] += (r.values[k] - d.mid[k]) / float64(len(train)) * (r.values[k] - d.mid[k])
		}
		if d.std[k] = math.Sqrt(d.std[k]); !(d.std[k] > 0) || !finite(d.std[k]) {
			d.std[k] = 1
		}
	}
	var f *RandomFeatures
	if o.Features > 0 {
		f, _ = NewRandomFeatures(x.Cols, o.Features, math.Sqrt(2*float64(x.Cols)), o.Seed)
	}
	lift := func(list []row) (out [][]float64, labels []bool) {
		for _, r := range list {
			v := make([]float64, 1, 1+x.Cols+max(o.Features, 0))
			v[0] = 1
			for k, c := range r.values {
				v = append(v, min(max((c-d.mid[k])/d.std[k], -10), 10))
			}
			if f != nil {
				from := len(v)
				v, _ = f.Transform(v, v[1:1+x.Cols]) // finite and of the right length
				for j := range v[from:] {
					v[from+j] *= math.Sqrt(float64(o.Features) / 2)
				}
			}
			out, labels = append(out, v), append(labels, r.second)
		}
		return out, labels
	}
	d.train, d.trainLabels = lift(train)
	d.test, d.testLabels = lift(test)
	return d
}

// logistic fits coefficients by Newton's method; the penalty spares the first,
// which is the intercept, all but a trace.
func logistic(rows [][]float64, labels []bool, ridge float64) ([]float64, error) {
	k := len(rows[0])
	w := make([]float64, k)
	for range 12 {
		hessian, gradient := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
		for j := range k {
			penalty := ridge
			if j == 0 {
				penalty = 1e-6
			}
			hessian.SetSym(j, j, penalty)
			gradient.SetVec(j, -penalty*w[j])
		}
		for i, r := range rows {
			p := 1 / (1 + math.Exp(-dot(w, r)))
			residual := -p
			if labels[i] {
				residual = 1 - p
			}
			v := mat.NewVecDense(k, r)
			gradient.AddScaledVec(gradient, residual, v)
			hessian.SymRankOne(hessian, max(p*(1-p), 1e-6), v)
		}
		var chol mat.Cholesky
		if !chol.Factorize(hessian) {
			return nil, fmt.Errorf("%w: the components cannot be told apart", driftlib.ErrDegenerate)
		}
		var step mat.VecDense
		if err := chol.SolveVecTo(&step, gradient); err != nil {
			return nil, fmt.Errorf("%w: %w", driftlib.ErrDegenerate, err)
		}
		largest := 0.0
		for j := range w {
			s := min(max(step.AtVec(j), -2), 2)
			w[j] += s
			largest = max(largest, math.Abs(s))
		}
		if largest < 1e-6 {
			break
		}
	}
	return w, nil
}

// areaUnderCurve is the AUC of scores and the one-sided p-value of Mann and
// Whitney's test, ties corrected for.
func areaUnderCurve(scores []float64, second []bool) (auc, p float64) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return scores[order[a]] < scores[order[b]] })
	var ranks, m, ties float64
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && scores[order[j]] == scores[order[i]] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		for _, k := range order[i:j] {
			if second[k] {
				ranks += float64(i+j+1) / 2
				m++
			}
		}
		i = j
	}
	all := float64(len(scores))
	n := all - m
	u := ranks - m*(m+1)/2
	deviation := math.Sqrt(n * m / 12 * (all + 1 - ties/(all*(all-1))))
	if !(deviation > 0) {
		return .5, 1
	}
	return u / (n * m), distuv.UnitNormal.Survival((u - n*m/2 - .5) / deviation)
}
