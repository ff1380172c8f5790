package oip

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// pow10 are the powers of ten that a float64 holds exactly.
var pow10 = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

const maxExact = len(pow10) - 1

// decimal is a scanned number: mantissa * 10^exponent. exact is false where it
// has more digits than a uint64 holds; the text must then be converted.
type decimal struct {
	mantissa uint64
	exponent int
	negative bool
	exact    bool
	integer  bool // written without fraction and exponent
}

// scanNumber scans a JSON number at b[i]. next is i where there is none.
func scanNumber(b []byte, i int) (d decimal, next int) {
	start := i
	if i < len(b) && b[i] == '-' {
		d.negative = true
		i++
	}
	first := i
	if i+1 < len(b) && b[i]-'0' <= 9 && b[i+1] == '.' {
		d.mantissa = uint64(b[i] - '0')
		i++
	} else {
		d.mantissa, i = scanDigits(b, i, 0)
	}
	digits := i - first
	if digits == 0 {
		return d, start
	}
	if b[first] == '0' {
		digits = 0
		if i-first > 1 {
			return d, start // 007 is no number
		}
	}
	d.integer = true
	if i < len(b) && b[i] == '.' {
		d.integer = false
		point := i + 1
		d.mantissa, i = scanDigits(b, point, d.mantissa)
		if i == point {
			return d, start
		}
		d.exponent = point - i
		digits += i - point
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		d.integer = false
		e, end := scanExponent(b, i+1)
		if end == 0 {
			return d, start
		}
		d.exponent += e
		i = end
	}
	d.exact = digits <= 19
	return d, i
}

// scanDigits continues a mantissa with the digits at b[i]: up to sixteen
// without a branch, because how many there are is what the processor cannot
// predict.
func scanDigits(b []byte, i int, m uint64) (uint64, int) {
	for i+16 <= len(b) {
		v, n := leadingDigits(binary.LittleEndian.Uint64(b[i:]))
		w, k := leadingDigits(binary.LittleEndian.Uint64(b[i+8:]))
		more := -uint64(n >> 3) // all ones where the first eight are all digits
		k &= int(more)
		m = (m*scale[n]+v)*scale[k] + w&more
		i += n + k
		if k < 8 {
			return m, i
		}
	}
	for i < len(b) {
		c := b[i] - '0'
		if c > 9 {
			break
		}
		m = m*10 + uint64(c)
		i++
	}
	return m, i
}

// leadingDigits is the value of the digits that eight bytes begin with, and
// how many there are.
func leadingDigits(v uint64) (value uint64, n int) {
	v ^= 0x3030303030303030
	// The high bit of every byte that is no digit; a carry can only spoil
	// bytes behind the first of them.
	other := (v + 0x7676767676767676 | v) & 0x8080808080808080
	width := uint(bits.TrailingZeros64(other)) &^ 7
	v <<= 64 - width // zeros before the digits; nothing where there are none
	v = v * 2561 >> 8
	v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16
	return (v & 0x0000ffff0000ffff) * 42949672960001 >> 32, int(width >> 3)
}

// scale is padded to a power of two, so that an index is masked and not checked.
var scale = [16]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// scanExponent returns end 0 where there is no exponent at b[i].
func scanExponent(b []byte, i int) (e, end int) {
	negative := false
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		negative = b[i] == '-'
		i++
	}
	start := i
	for i < len(b) && b[i]-'0' <= 9 {
		if e < 100_000 {
			e = 10*e + int(b[i]-'0')
		}
		i++
	}
	if i == start {
		return 0, 0
	}
	if negative {
		e = -e
	}
	return e, i
}

// float32 converts the number written as text, correctly rounded; overflow
// gives an infinity.
//
// The fast way: one float64 multiplication or division by an exact power of
// ten is off by at most two units in the last of 53 bits, so the first 24 bits
// are right unless the 29 bits behind them lie within a few units of the
// midpoint between two float32 values. Those cases, subnormal results and
// very long numbers take strconv.
func (d decimal) float32(text []byte) float32 {
	if d.exact && d.exponent >= -maxExact && d.exponent <= maxExact {
		f := float64(d.mantissa)
		if d.exponent < 0 {
			f /= pow10[-d.exponent]
		} else {
			f *= pow10[d.exponent]
		}
		const midpoint, slack = 1 << 28, 4
		if off := math.Float64bits(f)&(1<<29-1) - (midpoint - slack); off > 2*slack && f >= 0x1p-126 && f < 0x1p127 || d.mantissa == 0 {
			if d.negative {
				f = -f
			}
			return float32(f)
		}
	}
	f, _ := strconv.ParseFloat(asString(text), 32) // scanned: only the range can be wrong
	return float32(f)
}

// float64 converts the number written as text, correctly rounded.
func (d decimal) float64(text []byte) float64 {
	if d.exact && d.mantissa <= 1<<53 && d.exponent >= -maxExact && d.exponent <= maxExact {
		f := float64(d.mantissa)
		if d.exponent < 0 {
			f /= pow10[-d.exponent]
		} else {
			f *= pow10[d.exponent]
		}
		if d.negative {
			f = -f
		}
		return f
	}
	f, _ := strconv.ParseFloat(asString(text), 64)
	return f
}

// inverse10 are the powers of ten below one, correctly rounded.
var inverse10 = [32]float64{1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8,
	1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18}

// plainFloat32 converts the number at b[i] where it is as most are: an
// optional sign, one digit, a point, up to 18 digits, then something else than
// an exponent. ok is false for every other number, and where the result is not
// certain to be correctly rounded.
//
// The mantissa, the inverse power and the product are each rounded once: the
// product is off by at most four units of 53 bits, which matters only near
// the midpoint between two float32 values.
func plainFloat32(b []byte, i int) (f float32, next int, ok bool) {
	if i+24 > len(b) {
		return 0, i, false
	}
	negative := b[i] == '-'
	if negative {
		i++
	}
	lead := b[i] - '0'
	if lead > 9 || b[i+1] != '.' {
		return 0, i, false
	}
	v, n := leadingDigits(binary.LittleEndian.Uint64(b[i+2:]))
	w, k := leadingDigits(binary.LittleEndian.Uint64(b[i+10:]))
	more := -uint64(n >> 3) // all ones where the first eight are all digits
	k &= int(more)
	m := (uint64(lead)*scale[n&15]+v)*scale[k&15] + w&more
	n += k
	next = i + 2 + n
	if n == 16 {
		for n < 18 && b[next]-'0' <= 9 {
			m = m*10 + uint64(b[next]-'0')
			n++
			next++
		}
	}
	x := float64(m) * inverse10[n&31]
	const midpoint, slack = 1 << 28, 4
	off := math.Float64bits(x)&(1<<29-1) - (midpoint - slack)
	if n == 0 || b[next]|0x20 == 'e' || b[next]-'0' <= 9 || off <= 2*slack || (m != 0 && x < 0x1p-126) {
		return 0, i, false
	}
	if negative {
		x = -x
	}
	return float32(x), next, true
}

// asString shares b for the length of a call that does not keep it.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
