package labels

import (
	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"gonum.org/v1/gonum/stat/distuv"
)

const (
	// leastSequence is the fewest labels in a row that dependence is taken from.
	leastSequence = 200
	// pieces is how many contiguous pieces of the reference tell how much shares
	// vary over longer times than autocorrelation reaches.
	pieces = 10
)

// designEffect is by how much the dependence of labels in the order of time
// lengthens a chi-square statistic of their counts: sequential.TauBins. 1 where
// there are too few to tell.
func designEffect(names []string) float64 {
	sequence, counts := coded(names)
	if len(sequence) < leastSequence {
		return 1
	}
	return sequential.TauBins(sequence, counts)
}

// wander is the mean chi-square over degrees of freedom of the counts in
// contiguous pieces against those in the rest; 1 where nothing but chance is
// between them, at the level of 0.01. Of independent labels the sum of the
// statistics, times 1 - 1/pieces, is about chi-square with pieces - 1 times the
// degrees of freedom of one.
func wander(names []string) float64 {
	sequence, all := coded(names)
	n := len(sequence)
	if n < pieces*leastSequence {
		return 1
	}
	sum, freedom := 0.0, 0
	for w := range pieces {
		piece, rest := make([]float64, len(all)), make([]float64, len(all))
		for _, c := range sequence[w*n/pieces : (w+1)*n/pieces] {
			piece[c]++
		}
		for c := range rest {
			rest[c] = all[c] - piece[c]
		}
		a, b := driftlib.PoolSmall(rest, piece, 5)
		if test, err := driftlib.ChiSquareTest(a, b); err == nil && test.DoF > 0 {
			sum += test.Statistic
			freedom += test.DoF
		}
	}
	const rest = 1 - 1./pieces
	if freedom == 0 || (distuv.ChiSquared{K: float64(freedom) * rest}).Survival(sum*rest) >= .01 {
		return 1
	}
	return max(sum/float64(freedom), 1)
}

// coded numbers classes in the order in which they come.
func coded(names []string) (sequence []int, counts []float64) {
	index := map[string]int{}
	for _, name := range names {
		i, ok := index[name]
		if !ok {
			i = len(counts)
			index[name] = i
			counts = append(counts, 0)
		}
		sequence = append(sequence, i)
		counts[i]++
	}
	return sequence, counts
}

// Dependence is the design effect of a reference's labels in their order: what
// hangs together from row to row, or what wanders over the whole of it,
// whichever is more. 1 where the rows are in no order of time.
func Dependence(truth []string) float64 { return max(designEffect(truth), wander(truth)) }

// dependence is the design effect that label drift is judged with: the
// reference's and the stream's are estimates of one thing as long as nothing
// drifts.
func (v *view) dependence() float64 {
	list, _ := v.judged()
	var names []string
	for _, o := range list {
		if o.Actual != "" {
			names = append(names, o.Actual)
		}
	}
	return max(designEffect(names), v.ref.Dependence, 1)
}
