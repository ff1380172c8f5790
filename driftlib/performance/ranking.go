package performance

import (
	"fmt"
	"math"
	"slices"
	"sort"
)

// Query is one ranked list: what each item is worth, and the model's score.
type Query struct{ Relevance, Score []float64 }

// Ranking is what ranked lists are worth, each the mean over queries with
// Student's t interval.
type Ranking struct {
	// NDCG is DCG / ideal DCG at k, DCG = sum relevance / log2(rank + 1), ties in
	// the score sharing their mean gain; 0 to 1. Queries without a relevant item
	// count 0, as in scikit-learn.
	NDCG Metric
	// MRR is the mean of 1 / rank of the first relevant item (relevance above 0),
	// 0 where none is in the list.
	MRR Metric
	// HitRate is the share of queries with a relevant item among the first k.
	HitRate Metric
}

// Rank values ranked lists at depth k; k = 0 is the whole list.
func Rank(queries []Query, k int) (Ranking, error) {
	if k < 0 {
		return Ranking{}, fmt.Errorf("%w: k is %d", ErrValue, k)
	}
	var ndcg, mrr moments
	hits := 0
	for i, q := range queries {
		if err := q.check(); err != nil {
			return Ranking{}, fmt.Errorf("query %d: %w", i, err)
		}
		depth := len(q.Score)
		if k > 0 {
			depth = min(k, depth)
		}
		ndcg.add(q.ndcg(depth))
		first := q.first()
		if first > 0 {
			mrr.add(1 / float64(first))
		} else {
			mrr.add(0)
		}
		if first > 0 && first <= depth {
			hits++
		}
	}
	const none = "no queries"
	return Ranking{NDCG: ndcg.metric(none), MRR: mrr.metric(none), HitRate: proportion(float64(hits), float64(len(queries)), none)}, nil
}

func (q Query) check() error {
	if len(q.Relevance) != len(q.Score) {
		return fmt.Errorf("%w: %d relevances, %d scores", ErrLength, len(q.Relevance), len(q.Score))
	}
	for i := range q.Score {
		if r := q.Relevance[i]; math.IsNaN(q.Score[i]) || !(r >= 0) || math.IsInf(r, 0) {
			return fmt.Errorf("%w: relevance %v, score %v at index %d", ErrValue, r, q.Score[i], i)
		}
	}
	return nil
}

func (q Query) ndcg(depth int) float64 {
	ideal := slices.Clone(q.Relevance)
	sort.Sort(sort.Reverse(sort.Float64Slice(ideal)))
	best := 0.0
	for i := range depth {
		best += ideal[i] * discount(i)
	}
	if best == 0 {
		return 0
	}
	order := ascending(q.Score)
	slices.Reverse(order)
	gain := 0.0
	for i := 0; i < len(order) && i < depth; {
		j, relevance, discounts := i, 0.0, 0.0
		for ; j < len(order) && q.Score[order[j]] == q.Score[order[i]]; j++ {
			relevance += q.Relevance[order[j]]
			if j < depth {
				discounts += discount(j)
			}
		}
		gain += relevance / float64(j-i) * discounts
		i = j
	}
	return gain / best
}

func discount(i int) float64 { return 1 / math.Log2(float64(i)+2) }

// first is the rank, from 1, of the first relevant item; ties rank by their
// order in the list. 0 where there is none.
func (q Query) first() int {
	order := make([]int, len(q.Score))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return q.Score[order[a]] > q.Score[order[b]] })
	for rank, i := range order {
		if q.Relevance[i] > 0 {
			return rank + 1
		}
	}
	return 0
}
