package table

import (
	"bytes"
	"math"
	"math/bits"
	"strconv"
	"time"
)

// missing reports whether a text stands for no value. NaN and Inf are values.
func missing(b []byte) bool {
	switch len(b) {
	case 0:
		return true
	case 1:
		return b[0] == '?'
	case 2:
		return b[0] == 'N' && b[1] == 'A'
	case 3:
		return string(b) == "N/A"
	case 4:
		return string(b) == "null" || string(b) == "NULL" || string(b) == "None"
	}
	return false
}

// powers of ten that a float64 holds exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// number parses a number. whole says that it is written in digits alone and
// held exactly.
func number(b []byte) (v float64, whole, ok bool) {
	digits, mantissa, scale := 0, uint64(0), -1
	i := 0
	if i < len(b) && (b[i] == '-' || b[i] == '+') {
		i++
	}
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + uint64(c-'0')
			digits++
			if scale >= 0 {
				scale++
			}
		case c == '.' && scale < 0:
			scale = 0
		default:
			return anyNumber(b)
		}
	}
	if digits == 0 || digits > 19 || scale >= len(tens) {
		return anyNumber(b)
	}
	// A mantissa and a power of ten that are both exact: one rounding, so the
	// division gives what strconv does.
	switch {
	case mantissa > 1<<53 && scale > 0:
		v = quotient(mantissa, scale)
	case scale > 0:
		v = float64(mantissa) / powers[scale]
	default:
		v = float64(mantissa)
	}
	if b[0] == '-' {
		v = -v
	}
	return v, scale < 0 && mantissa < 1<<53, true
}

// tens are the powers of ten that a uint64 holds.
var tens = [...]uint64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// quotient is the float64 nearest to mantissa / 10^scale, of a mantissa that
// float64 does not hold: 128 bits by 64 give at least 62 bits of the quotient
// and, by the remainder, whether there is more, which decides the rounding.
// float64 rounds the 64 bits to even; a quotient that is not exact has its last
// bit set, so that it never looks like a tie.
func quotient(mantissa uint64, scale int) float64 {
	up, down := bits.LeadingZeros64(mantissa), bits.LeadingZeros64(tens[scale])
	m, d := mantissa<<up, tens[scale]<<down
	q, rest := bits.Div64(m>>1, m<<63, d)
	if rest != 0 {
		q |= 1
	}
	return math.Ldexp(float64(q), down-up-63)
}

// anyNumber leaves the rare forms to strconv. A number too large for float64 is
// infinite.
func anyNumber(b []byte) (v float64, whole, ok bool) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || len(b) > 1024 {
		return 0, false, false
	}
	digits := false
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			digits = true
		case c == 'x', c == 'X', c == '_': // hexadecimal and grouped digits are Go's, not a table's
			return 0, false, false
		}
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil && !(math.IsInf(v, 0) && digits) {
		return 0, false, false
	}
	return v, plain(b) && math.Abs(v) <= 1<<53, true
}

// plain reports whether a number is written in digits alone.
func plain(b []byte) bool {
	for i, c := range b {
		if (c < '0' || c > '9') && !(i == 0 && (c == '-' || c == '+')) {
			return false
		}
	}
	return true
}

// boolean parses true and false.
func boolean(b []byte) (v, ok bool) {
	switch string(b) {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// layouts of dates and times, by what they are told apart with.
var layouts = [...]string{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04"}

// datetime parses a date or a time into seconds since 1970.
func datetime(b []byte) (seconds float64, ok bool) {
	if len(b) < 10 || len(b) > 40 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	if len(b) == 10 {
		t, err := time.Parse(time.DateOnly, string(b))
		return float64(t.Unix()), err == nil
	}
	s := []byte(string(b))
	if s[10] == ' ' {
		s[10] = 'T'
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, string(s)); err == nil {
			return seconds64(t), true
		}
	}
	return 0, false
}

func seconds64(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }
