package streams

import "math"

// logistic is a logistic regression on standardised features.
type logistic struct {
	mean, scale, weights []float64 // weights: of the features, then the constant
}

const (
	rounds  = 60
	penalty = 1e-3
)

// fit trains on rows of features and what was so, by Newton's method with a
// small ridge.
func fit(rows [][]float64, truth []bool) *logistic {
	d := len(rows[0])
	m := &logistic{mean: make([]float64, d), scale: make([]float64, d), weights: make([]float64, d+1)}
	for _, r := range rows {
		for k, v := range r {
			m.mean[k] += v / float64(len(rows))
		}
	}
	for _, r := range rows {
		for k, v := range r {
			m.scale[k] += (v - m.mean[k]) * (v - m.mean[k]) / float64(len(rows))
		}
	}
	for k := range m.scale {
		m.scale[k] = math.Max(math.Sqrt(m.scale[k]), 1e-9)
	}
	for range rounds {
		if m.step(rows, truth) < 1e-8 {
			break
		}
	}
	return m
}

// step is one step of Newton's method; it returns how far it went.
func (m *logistic) step(rows [][]float64, truth []bool) float64 {
	n := len(m.weights)
	hessian, gradient := make([][]float64, n), make([]float64, n)
	for i := range hessian {
		hessian[i] = make([]float64, n)
		hessian[i][i] = penalty * float64(len(rows))
		gradient[i] = -penalty * float64(len(rows)) * m.weights[i]
	}
	x := make([]float64, n)
	for i, r := range rows {
		m.standard(x, r)
		p := sigmoid(dot(m.weights, x))
		y := 0.0
		if truth[i] {
			y = 1
		}
		for a := range x {
			gradient[a] += (y - p) * x[a]
			for b := range x {
				hessian[a][b] += p * (1 - p) * x[a] * x[b]
			}
		}
	}
	solve(hessian, gradient)
	moved := 0.0
	for i, g := range gradient {
		m.weights[i] += g
		moved = math.Max(moved, math.Abs(g))
	}
	return moved
}

func (m *logistic) standard(x, row []float64) {
	for k, v := range row {
		x[k] = (v - m.mean[k]) / m.scale[k]
	}
	x[len(row)] = 1
}

// score is the probability of the positive class.
func (m *logistic) score(row []float64) float64 {
	x := make([]float64, len(m.weights))
	m.standard(x, row)
	return sigmoid(dot(m.weights, x))
}

func sigmoid(v float64) float64 { return 1 / (1 + math.Exp(-v)) }

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// solve replaces b by the solution of a x = b, by Gaussian elimination.
func solve(a [][]float64, b []float64) {
	n := len(b)
	for c := range n {
		p := c
		for r := c + 1; r < n; r++ {
			if math.Abs(a[r][c]) > math.Abs(a[p][c]) {
				p = r
			}
		}
		a[c], a[p], b[c], b[p] = a[p], a[c], b[p], b[c]
		for r := c + 1; r < n; r++ {
			f := a[r][c] / a[c][c]
			for k := c; k < n; k++ {
				a[r][k] -= f * a[c][k]
			}
			b[r] -= f * b[c]
		}
	}
	for r := n - 1; r >= 0; r-- {
		for k := r + 1; k < n; k++ {
			b[r] -= a[r][k] * b[k]
		}
		b[r] /= a[r][r]
	}
}
