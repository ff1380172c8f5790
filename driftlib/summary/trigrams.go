package summary

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"unicode/utf8"
)

// ErrModel: a document that is no model of trigrams.
var ErrModel = errors.New("not a model of trigrams")

// mostTrigrams is how many trigrams a model keeps, the most frequent ones.
const mostTrigrams = 50_000

// start stands before a text, twice, so that its first characters have a context.
const start = rune(0)

// Trigrams is a language model of characters: how likely one is after the two
// before it, with additive smoothing,
//
//	P(c | a b) = (n(abc) + s) / (n(ab) + s V),  s = 0.1
//
// V the number of different characters of the texts it was fitted on, and one
// for all others. Immutable after Fit, safe for concurrent use. Memory: about 60
// bytes a trigram, at most 50,000 of them.
type Trigrams struct {
	counts   map[[3]rune]int
	contexts map[[2]rune]int
	alphabet int
}

const smoothing = 0.1

// FitTrigrams counts the trigrams of texts. No text is an error of nobody: such
// a model finds everything equally likely.
func FitTrigrams(texts []string) *Trigrams {
	counts := map[[3]rune]int{}
	for _, text := range texts {
		key := [3]rune{start, start, start}
		for _, r := range text {
			key = [3]rune{key[1], key[2], r}
			counts[key]++
		}
	}
	if len(counts) > mostTrigrams {
		keys := slices.Collect(maps.Keys(counts))
		slices.SortFunc(keys, func(a, b [3]rune) int {
			if c := counts[b] - counts[a]; c != 0 {
				return c
			}
			return slices.Compare(a[:], b[:])
		})
		for _, k := range keys[mostTrigrams:] {
			delete(counts, k)
		}
	}
	return trigramsOf(counts)
}

func trigramsOf(counts map[[3]rune]int) *Trigrams {
	t := &Trigrams{counts: counts, contexts: map[[2]rune]int{}}
	alphabet := map[rune]bool{}
	for k, n := range counts {
		t.contexts[[2]rune{k[0], k[1]}] += n
		alphabet[k[2]] = true
	}
	t.alphabet = len(alphabet) + 1
	return t
}

// LogLikelihood is the mean of log2 P over the characters of a text, in bits: at
// most 0, -log2 V where the model knows nothing. NaN for the empty text.
func (t *Trigrams) LogLikelihood(text string) float64 {
	key := [3]rune{start, start, start}
	sum, n := 0.0, 0
	for _, r := range text {
		key = [3]rune{key[1], key[2], r}
		p := (float64(t.counts[key]) + smoothing) / (float64(t.contexts[[2]rune{key[0], key[1]}]) + smoothing*float64(t.alphabet))
		sum += math.Log2(p)
		n++
	}
	return sum / float64(n)
}

// MarshalJSON writes the counts by trigram; a text's beginning is "\u0000".
func (t *Trigrams) MarshalJSON() ([]byte, error) {
	out := make(map[string]int, len(t.counts))
	for k, n := range t.counts {
		out[string(k[:])] = n
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote; anything else is ErrModel.
func (t *Trigrams) UnmarshalJSON(b []byte) error {
	var in map[string]int
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("%w: %w", ErrModel, err)
	}
	if len(in) > mostTrigrams {
		return fmt.Errorf("%w: %d trigrams, more than %d", ErrModel, len(in), mostTrigrams)
	}
	counts := make(map[[3]rune]int, len(in))
	for s, n := range in {
		if utf8.RuneCountInString(s) != 3 || n <= 0 || n > math.MaxInt32 {
			return fmt.Errorf("%w: %q: %d; give three characters and how often they occur", ErrModel, s, n)
		}
		r := []rune(s)
		counts[[3]rune{r[0], r[1], r[2]}] = n
	}
	*t = *trigramsOf(counts)
	return nil
}

func sortedCounts(counts map[rune]int) []float64 {
	out := make([]float64, 0, len(counts))
	for _, n := range counts {
		out = append(out, float64(n))
	}
	slices.Sort(out)
	return out
}
