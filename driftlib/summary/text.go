package summary

import (
	"math"
	"unicode"
)

// TextNames are the summaries of a text, in the order of Text.
func TextNames() []string {
	return []string{"length", "entropy", "likelihood", "token_length", "non_ascii_ratio", "upper_ratio", "digit_ratio", "empty"}
}

// Text appends to dst the summaries of one text; characters are runes:
//
//	length           characters
//	entropy          Shannon entropy of the characters, bits: -sum p log2 p
//	likelihood       mean log2-likelihood of a character by the model, see
//	                 Trigrams.LogLikelihood; NaN without a model
//	token_length     characters outside of white space / tokens between it
//	non_ascii_ratio  share of characters beyond ASCII, and of bytes that are no UTF-8
//	upper_ratio      share of upper-case letters
//	digit_ratio      share of decimal digits
//	empty            1 where nothing but white space is there, else 0
//
// Together they see truncation, other languages, broken encodings, lost spaces,
// shouting, numbers and templates. Means and shares over no characters or tokens
// are NaN, which has a bin of its own. One pass over the text; no allocation for
// ASCII.
//
// The model must have been fitted on other texts than those the reference
// profile is made of: on its own texts a model finds itself likelier than on any
// others, and every later text looks drifted.
func Text(dst []float64, text string, model *Trigrams) []float64 {
	var c characters
	for _, r := range text {
		c.add(r)
	}
	likelihood := math.NaN()
	if model != nil {
		likelihood = model.LogLikelihood(text)
	}
	n := float64(c.n)
	share := func(k int) float64 { return float64(k) / n } // NaN for 0 of 0
	empty := 0.0
	if c.tokens == 0 {
		empty = 1
	}
	return append(dst, n, c.entropy(), likelihood, float64(c.inside)/float64(c.tokens), share(c.foreign), share(c.upper), share(c.digits), empty)
}

// characters counts what Text needs.
type characters struct {
	n, foreign, upper, digits int
	inside, tokens            int // characters of tokens, and tokens
	token                     bool
	ascii                     [128]int
	others                    map[rune]int
}

func (c *characters) add(r rune) {
	c.n++
	space := r == ' ' || (r >= '\t' && r <= '\r')
	if r < 128 {
		c.ascii[r]++
		switch {
		case r >= 'A' && r <= 'Z':
			c.upper++
		case r >= '0' && r <= '9':
			c.digits++
		}
	} else {
		if c.others == nil {
			c.others = map[rune]int{}
		}
		c.others[r]++
		c.foreign++
		switch {
		case unicode.IsUpper(r):
			c.upper++
		case unicode.IsDigit(r):
			c.digits++
		}
		space = unicode.IsSpace(r)
	}
	switch {
	case space:
		c.token = false
		return
	case !c.token:
		c.token = true
		c.tokens++
	}
	c.inside++
}

// entropy in bits; NaN of nothing. The terms of rare characters are added in the
// order of their counts, so that the last bit is always the same.
func (c *characters) entropy() float64 {
	if c.n == 0 {
		return math.NaN()
	}
	n := float64(c.n)
	sum := 0.0
	for _, k := range c.ascii {
		if k > 0 {
			sum += float64(k) * math.Log2(float64(k))
		}
	}
	for _, term := range sortedCounts(c.others) {
		sum += term * math.Log2(term)
	}
	return max(math.Log2(n)-sum/n, 0)
}
