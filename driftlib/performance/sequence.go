package performance

import "strings"

// ErrorRate is the edits that turn predictions into references, by the length
// of the references. The zero value is ready. Not safe for concurrent use.
type ErrorRate struct {
	edits, length float64
	rates         moments
}

// Words counts the edits of words: with it the rate is the word error rate.
func (e *ErrorRate) Words(reference, predicted string) {
	e.add(distance(strings.Fields(reference), strings.Fields(predicted)), len(strings.Fields(reference)))
}

// Characters counts the edits of characters: the character error rate.
func (e *ErrorRate) Characters(reference, predicted string) {
	r := []rune(reference)
	e.add(distance(r, []rune(predicted)), len(r))
}

func (e *ErrorRate) add(edits, length int) {
	e.edits += float64(edits)
	e.length += float64(length)
	if length > 0 {
		e.rates.add(float64(edits) / float64(length))
	}
}

// Rate is edits / length over all references, at least 0; above 1 where
// predictions are longer than their references. The interval is that of the
// mean rate of a reference, moved to the value. Undefined where all references
// are empty.
func (e *ErrorRate) Rate() Metric {
	if e.length == 0 {
		return undefined("no words in the references")
	}
	m := e.rates.metric("no references")
	value := e.edits / e.length
	return Metric{Value: value, Lower: max(0, value-(m.Value-m.Lower)), Upper: value + (m.Upper - m.Value), N: int(e.rates.n)}
}

// distance is the Levenshtein distance, by Wagner and Fischer's two rows.
func distance[T comparable](a, b []T) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j := range b {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
