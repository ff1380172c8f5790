package metrics

import (
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// appendText writes families of gauges and counters in the text format, or in
// OpenMetrics without its end: byte for byte what expfmt writes. Names and
// labels are ours and known to be valid, which expfmt must look into for every
// sample; that is most of what a scrape of thousands of series costs.
func appendText(b []byte, families []*dto.MetricFamily, openMetrics bool) []byte {
	for _, f := range families {
		b = appendHead(b, f, openMetrics)
		for _, m := range f.Metric {
			b = append(b, f.GetName()...)
			b = appendLabels(b, m.Label)
			v := m.GetGauge().GetValue()
			if m.Counter != nil {
				v = m.GetCounter().GetValue()
			}
			b = append(b, ' ')
			b = appendFloat(b, v, openMetrics)
			b = append(b, '\n')
		}
	}
	return b
}

func appendHead(b []byte, f *dto.MetricFamily, openMetrics bool) []byte {
	name, kind := f.GetName(), "gauge"
	if f.GetType() == dto.MetricType_COUNTER {
		kind = "counter"
		if openMetrics {
			name = strings.TrimSuffix(name, "_total")
		}
	}
	if f.Help != nil {
		b = append(append(append(b, "# HELP "...), name...), ' ')
		b = append(appendEscaped(b, f.GetHelp(), openMetrics), '\n')
	}
	b = append(append(append(b, "# TYPE "...), name...), ' ')
	return append(append(b, kind...), '\n')
}

func appendLabels(b []byte, labels []*dto.LabelPair) []byte {
	if len(labels) == 0 {
		return b
	}
	separator := byte('{')
	for _, l := range labels {
		b = append(append(append(b, separator), *l.Name...), '=', '"')
		b = append(appendEscaped(b, *l.Value, true), '"')
		separator = ','
	}
	return append(b, '}')
}

// appendEscaped escapes backslashes, line ends and, where wanted, quotes.
func appendEscaped(b []byte, s string, quotes bool) []byte {
	if strings.IndexByte(s, '\\') < 0 && strings.IndexByte(s, '\n') < 0 && (!quotes || strings.IndexByte(s, '"') < 0) {
		return append(b, s...) // nearly always
	}
	from := 0
	for i := 0; i < len(s); i++ {
		var e byte
		switch c := s[i]; {
		case c == '\\':
			e = '\\'
		case c == '\n':
			e = 'n'
		case c == '"' && quotes:
			e = '"'
		default:
			continue
		}
		b = append(append(b, s[from:i]...), '\\', e)
		from = i + 1
	}
	return append(b, s[from:]...)
}

func appendFloat(b []byte, v float64, openMetrics bool) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 1):
		return append(b, "+Inf"...)
	case math.IsInf(v, -1):
		return append(b, "-Inf"...)
	}
	from := len(b)
	if v == math.Trunc(v) && math.Abs(v) < 1e6 && (v != 0 || !math.Signbit(v)) { // most are counts
		b = strconv.AppendInt(b, int64(v), 10)
	} else {
		b = strconv.AppendFloat(b, v, 'g', -1, 64)
	}
	if openMetrics && !strings.ContainsAny(string(b[from:]), "e.") {
		b = append(b, ".0"...)
	}
	return b
}
