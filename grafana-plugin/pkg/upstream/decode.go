package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// decoder reads the answer of a query: {"status","data":{"resultType",
// "result":[{"metric":{},"value":[t,"v"]|"values":[[t,"v"],...]}]}}. A week of
// a hundred features is some 200,000 points: encoding/json takes a hundred
// milliseconds for that, a scanner that knows the form takes ten. Any order of
// keys and unknown keys are taken; native histograms are refused.
type decoder struct {
	b         []byte
	i         int
	maxSeries int

	status, errorType, message string
	names                      map[string]string // interned label names and values
}

type tooManySeries struct{}

func (tooManySeries) Error() string { return "too many series" }

func asTooMany(err error, t *tooManySeries) bool { return errors.As(err, t) }

func newDecoder(b []byte, maxSeries int) *decoder {
	return &decoder{b: b, maxSeries: maxSeries, names: map[string]string{}}
}

var errBroken = errors.New("the JSON is broken")

func (d *decoder) answer() (*Answer, error) {
	a := &Answer{}
	err := d.object(func(key string) error {
		switch key {
		case "status":
			return d.text(&d.status)
		case "errorType":
			return d.text(&d.errorType)
		case "error":
			return d.text(&d.message)
		case "warnings":
			return d.array(func() error {
				var w string
				err := d.text(&w)
				a.Warnings = append(a.Warnings, w)
				return err
			})
		case "data":
			return d.data(a)
		}
		return d.skip()
	})
	if err != nil {
		return nil, err
	}
	if d.space(); d.i != len(d.b) {
		return nil, errBroken
	}
	if d.status != "success" {
		return nil, fmt.Errorf("status is %q", d.status)
	}
	return a, nil
}

// refusal is the fault of an answer that says "error".
func (d *decoder) refusal(status int) (*Fault, bool) {
	if d.status != "error" && status < 300 {
		return nil, false
	}
	if status < 300 {
		status = http.StatusUnprocessableEntity
	}
	f := statusFault("", status, d.message)
	if d.errorType == "timeout" {
		f.Kind, f.Fix = Timeout, fix(Timeout)
	}
	return f, true
}

func (d *decoder) data(a *Answer) error {
	if d.peek() == 'n' { // null beside an error
		return d.skip()
	}
	kind := ""
	return d.object(func(key string) error {
		switch key {
		case "resultType":
			return d.text(&kind)
		case "result":
			if kind == "scalar" || kind == "string" {
				return fmt.Errorf("the result is a %s, a vector or matrix was asked for", kind)
			}
			return d.array(func() error {
				if len(a.Series) >= d.maxSeries {
					return tooManySeries{}
				}
				s, err := d.series()
				if err == nil && len(s.Points) > 0 {
					a.Series = append(a.Series, s)
				}
				return err
			})
		}
		return d.skip()
	})
}

func (d *decoder) series() (s Series, err error) {
	err = d.object(func(key string) error {
		switch key {
		case "metric":
			s.Labels = map[string]string{}
			return d.object(func(name string) error {
				name = d.intern(name)
				var v string
				if err := d.text(&v); err != nil {
					return err
				}
				s.Labels[name] = d.intern(v)
				return nil
			})
		case "value":
			p, err := d.point()
			s.Points = append(s.Points, p)
			return err
		case "values":
			s.Points = make([]Point, 0, d.guess())
			return d.array(func() error {
				p, err := d.point()
				s.Points = append(s.Points, p)
				return err
			})
		case "histogram", "histograms":
			return errors.New("the result holds native histograms, numbers were asked for")
		}
		return d.skip()
	})
	return s, err
}

// guess counts the points ahead, so that they are allocated once.
func (d *decoder) guess() (n int) {
	for j := d.i + 1; j < len(d.b); j++ {
		switch d.b[j] {
		case '[':
			n++
		case '}':
			return n
		}
	}
	return n
}

// point reads [unix seconds, "value"].
func (d *decoder) point() (Point, error) {
	if err := d.take('['); err != nil {
		return Point{}, err
	}
	t, err := d.number()
	if err != nil {
		return Point{}, err
	}
	if err := d.take(','); err != nil {
		return Point{}, err
	}
	raw, err := d.raw()
	if err != nil {
		return Point{}, err
	}
	v, err := parseFloat(raw)
	if err != nil {
		return Point{}, fmt.Errorf("value %.20q is no number", raw)
	}
	return Point{int64(math.Round(t * 1000)), v}, d.take(']')
}

// parseFloat reads a decimal number. Up to 15 digits and 22 places, mantissa and
// power of ten are exact floats, and their quotient is rounded once: the right
// answer without the general way, which most counters do not need.
func parseFloat(b []byte) (float64, error) {
	mantissa, places, point := uint64(0), 0, false
	if len(b) == 0 || len(b) > 16 {
		return strconv.ParseFloat(string(b), 64)
	}
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			mantissa = mantissa*10 + uint64(c-'0')
			if point {
				places++
			}
		case c == '.' && !point && i > 0 && i < len(b)-1:
			point = true
		default:
			return strconv.ParseFloat(string(b), 64)
		}
	}
	if mantissa >= 1<<53 {
		return strconv.ParseFloat(string(b), 64)
	}
	return float64(mantissa) / powers[places], nil
}

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

func (d *decoder) intern(s string) string {
	if t, ok := d.names[s]; ok {
		return t
	}
	s = strings.Clone(s)
	d.names[s] = s
	return s
}

func (d *decoder) space() {
	for d.i < len(d.b) && (d.b[d.i] == ' ' || d.b[d.i] == '\n' || d.b[d.i] == '\t' || d.b[d.i] == '\r') {
		d.i++
	}
}

func (d *decoder) peek() byte {
	if d.space(); d.i < len(d.b) {
		return d.b[d.i]
	}
	return 0
}

func (d *decoder) take(c byte) error {
	if d.peek() != c {
		return errBroken
	}
	d.i++
	return nil
}

func (d *decoder) object(field func(key string) error) error {
	if err := d.take('{'); err != nil {
		return err
	}
	if d.peek() == '}' {
		d.i++
		return nil
	}
	for {
		var key string
		if err := d.text(&key); err != nil {
			return err
		}
		if err := d.take(':'); err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
		if d.peek() == '}' {
			d.i++
			return nil
		}
		if err := d.take(','); err != nil {
			return err
		}
	}
}

func (d *decoder) array(element func() error) error {
	if d.peek() == 'n' {
		return d.skip()
	}
	if err := d.take('['); err != nil {
		return err
	}
	if d.peek() == ']' {
		d.i++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if d.peek() == ']' {
			d.i++
			return nil
		}
		if err := d.take(','); err != nil {
			return err
		}
	}
}

// raw is what stands between the quotes, escapes and all.
func (d *decoder) raw() ([]byte, error) {
	if err := d.take('"'); err != nil {
		return nil, err
	}
	for start := d.i; d.i < len(d.b); d.i++ {
		switch c := d.b[d.i]; {
		case c == '\\':
			d.i++
		case c == '"':
			d.i++
			return d.b[start : d.i-1], nil
		case c < ' ':
			return nil, errBroken
		}
	}
	return nil, errBroken
}

func (d *decoder) text(s *string) error {
	raw, err := d.raw()
	if err != nil {
		return err
	}
	for _, c := range raw {
		if c == '\\' || c >= 0x80 {
			return json.Unmarshal(d.b[d.i-len(raw)-2:d.i], s)
		}
	}
	*s = string(raw)
	return nil
}

func (d *decoder) number() (float64, error) {
	d.space()
	start := d.i
	for d.i < len(d.b) && strings.IndexByte("+-.0123456789eE", d.b[d.i]) >= 0 {
		d.i++
	}
	v, err := parseFloat(d.b[start:d.i])
	if err != nil {
		return 0, errBroken
	}
	return v, nil
}

// skip passes any value.
func (d *decoder) skip() error {
	depth := 0
	for d.i < len(d.b) {
		switch c := d.peek(); c {
		case 0:
			return errBroken
		case '"':
			if _, err := d.raw(); err != nil {
				return err
			}
		case '{', '[':
			depth++
			d.i++
			continue
		case '}', ']':
			depth--
			d.i++
		case ',', ':':
			d.i++
			continue
		default:
			start := d.i
			for d.i < len(d.b) && strings.IndexByte(" \t\r\n,:{}[]\"", d.b[d.i]) < 0 {
				d.i++
			}
			if d.i == start {
				return errBroken
			}
		}
		if depth <= 0 {
			if depth < 0 {
				return errBroken
			}
			return nil
		}
	}
	return errBroken
}

// message is the "error" of a JSON answer, or its first words.
func message(body []byte) string {
	var out struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &out) == nil && out.Error != "" {
		return out.Error
	}
	return firstWords(body)
}
