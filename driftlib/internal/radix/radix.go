// Package radix sorts floating point numbers by least significant digit radix
// sort: three times faster than a comparison sort from a few thousand values
// on. NaN must not be among the values.
package radix

import (
	"math"
	"slices"
)

// small is the length below which a comparison sort is faster.
const small = 400

// Float64s sorts x ascending. tmp is scratch of at least len(x); nil allocates.
func Float64s(x, tmp []float64) {
	if slices.IsSorted(x) { // what was sorted before costs one look
		return
	}
	if len(x) < small {
		slices.Sort(x)
		return
	}
	if len(tmp) < len(x) {
		tmp = make([]float64, len(x))
	}
	sort64(x, tmp[:len(x)])
}

const (
	digitBits = 11
	digits64  = 6
	digits32  = 3
	radixSize = 1 << digitBits
	mask      = radixSize - 1
)

// key64 maps a float to an integer of the same order: flip all bits of a
// negative number, the sign bit of a positive one.
func key64(b uint64) uint64 { return b ^ (uint64(int64(b)>>63) | 1<<63) }

// sort64 sorts by the upper half of the keys first, which leaves few values out
// of order unless they are crowded, and mends these by insertion; crowded ones
// are sorted by all of their keys.
func sort64(x, tmp []float64) {
	upper64(x, tmp)
	if !mend(x) {
		all64(x, tmp)
	}
}

// upperDigit is the first of the three digits that hold sign, exponent and 21
// bits of the fraction.
const upperDigit = 3

func upper64(x, tmp []float64) {
	var counts [digits64 - upperDigit][radixSize]uint32
	for _, v := range x {
		k := key64(math.Float64bits(v)) >> (upperDigit * digitBits)
		counts[0][k&mask]++
		counts[1][k>>digitBits&mask]++
		counts[2][k>>(2*digitBits)&mask]++
	}
	scatter(x, tmp, counts[:], upperDigit)
}

func all64(x, tmp []float64) {
	var counts [digits64][radixSize]uint32
	for _, v := range x {
		k := key64(math.Float64bits(v))
		for d := range digits64 {
			counts[d][k>>(d*digitBits)&mask]++
		}
	}
	scatter(x, tmp, counts[:], 0)
}

// scatter sorts by the counted digits, the first of which is given.
func scatter(x, tmp []float64, counts [][radixSize]uint32, first int) {
	from, to := x, tmp
	for d := range counts {
		c := &counts[d]
		shift := (first + d) * digitBits
		if c[key64(math.Float64bits(from[0]))>>shift&mask] == uint32(len(x)) {
			continue // all values share this digit
		}
		offsets(c)
		for _, v := range from {
			k := key64(math.Float64bits(v)) >> shift & mask
			to[c[k]] = v
			c[k]++
		}
		from, to = to, from
	}
	if &from[0] != &x[0] {
		copy(x, from)
	}
}

// mend sorts by insertion; false where that takes more than a move a value.
func mend[F float32 | float64](x []F) bool {
	moves := len(x)
	for i := 1; i < len(x); i++ {
		v := x[i]
		if !(v < x[i-1]) {
			continue
		}
		j := i
		for ; j > 0 && x[j-1] > v; j-- {
			x[j] = x[j-1]
		}
		x[j] = v
		if moves -= i - j; moves < 0 {
			return false
		}
	}
	return true
}

func offsets(c *[radixSize]uint32) {
	var sum uint32
	for i, n := range c {
		c[i] = sum
		sum += n
	}
}

// Float32s sorts x ascending. tmp is scratch of at least len(x); nil allocates.
func Float32s(x, tmp []float32) {
	if slices.IsSorted(x) { // what was sorted before costs one look
		return
	}
	if len(x) < small {
		slices.Sort(x)
		return
	}
	if len(tmp) < len(x) {
		tmp = make([]float32, len(x))
	}
	sort32(x, tmp[:len(x)])
}

func key32(b uint32) uint32 { return b ^ (uint32(int32(b)>>31) | 1<<31) }

// sort32 sorts as sort64 does: by the upper two digits, which hold sign, exponent
// and 13 bits of the fraction, and the rest by insertion.
func sort32(x, tmp []float32) {
	digits32of(x, tmp, 1)
	if !mend(x) {
		digits32of(x, tmp, 0)
	}
}

// digits32of sorts by the digits from first on.
func digits32of(x, tmp []float32, first int) {
	var all [digits32][radixSize]uint32
	low, middle, high := &all[0], &all[1], &all[2]
	for _, v := range x {
		k := key32(math.Float32bits(v))
		middle[k>>digitBits&mask]++
		high[k>>(2*digitBits)]++
	}
	if first == 0 {
		for _, v := range x {
			low[key32(math.Float32bits(v))&mask]++
		}
	}
	counts := all[first:]
	from, to := x, tmp
	for d := range counts {
		c := &counts[d]
		shift := (first + d) * digitBits
		if c[key32(math.Float32bits(from[0]))>>shift&mask] == uint32(len(x)) {
			continue
		}
		offsets(c)
		for _, v := range from {
			k := key32(math.Float32bits(v)) >> shift & mask
			to[c[k]] = v
			c[k]++
		}
		from, to = to, from
	}
	if &from[0] != &x[0] {
		copy(x, from)
	}
}
