package offline

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Plot is a figure of an HTML report, drawn as SVG: it needs no script and
// prints as it looks.
type Plot struct {
	Title string
	SVG   template.HTML
}

// Plots are the figures of a group.
func (g *Group) Plots() []Plot {
	var out []Plot
	add := func(title string, c *canvas) { out = append(out, Plot{title, c.done(title)}) }
	if g.Calibration != nil && len(g.Calibration.Reliability) > 0 {
		add("Reliability: accuracy by confidence, with 95 % intervals; grey is where a calibrated model would lie", reliability(g.Calibration.Reliability))
	}
	if c := g.Curves; c != nil {
		if len(c.ROC) > 0 {
			add("ROC: true by false positive rate", unit("false positive rate", "true positive rate").line(c.ROC).diagonal())
		}
		if len(c.PrecisionRecall) > 0 {
			add("Precision by recall", unit("recall", "precision").line(c.PrecisionRecall))
		}
		if len(c.Predictions) > 0 {
			add("Prediction by actual value", cloud(c.Predictions))
		}
		if c.Residuals != nil && len(c.Residuals.Counts) > 1 {
			add("Prediction less actual value", bars(c.Residuals))
		}
	}
	return out
}

const (
	plotWidth, plotHeight = 420.0, 270.0
	left, bottom          = 46.0, 40.0
	gap                   = 10.0 // above and to the right
)

// canvas maps values to a picture.
type canvas struct {
	b                      strings.Builder
	x0, x1, y0, y1         float64
	horizontally, vertical string
}

func newCanvas(x0, x1, y0, y1 float64, horizontally, vertical string) *canvas {
	if !(x1 > x0) {
		x0, x1 = x0-.5, x0+.5
	}
	if !(y1 > y0) {
		y0, y1 = y0-.5, y0+.5
	}
	c := &canvas{x0: x0, x1: x1, y0: y0, y1: y1, horizontally: horizontally, vertical: vertical}
	for k := range 5 {
		share := float64(k) / 4
		x, y := x0+share*(x1-x0), y0+share*(y1-y0)
		c.segment(x, y0, x, y1, "var(--line)", 1)
		c.segment(x0, y, x1, y, "var(--line)", 1)
		c.text(c.x(x), plotHeight-bottom+14, "middle", tick(x))
		c.text(left-5, c.y(y)+4, "end", tick(y))
	}
	return c
}

func tick(v float64) string {
	if v == 0 || (math.Abs(v) >= .01 && math.Abs(v) < 1e5) {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
	}
	return fmt.Sprintf("%.2g", v)
}

func unit(horizontally, vertical string) *canvas {
	return newCanvas(0, 1, 0, 1, horizontally, vertical)
}

func (c *canvas) x(v float64) float64 {
	return left + (v-c.x0)/(c.x1-c.x0)*(plotWidth-left-gap)
}

func (c *canvas) y(v float64) float64 {
	return plotHeight - bottom - (v-c.y0)/(c.y1-c.y0)*(plotHeight-bottom-gap)
}

func (c *canvas) text(x, y float64, anchor, s string) {
	fmt.Fprintf(&c.b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`, x, y, anchor, template.HTMLEscapeString(s))
}

func (c *canvas) segment(xa, ya, xb, yb float64, color string, width float64) {
	fmt.Fprintf(&c.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"/>`, c.x(xa), c.y(ya), c.x(xb), c.y(yb), color, width)
}

func (c *canvas) line(points [][2]float64) *canvas {
	c.b.WriteString(`<polyline fill="none" stroke="var(--cur)" stroke-width="2" points="`)
	for _, p := range points {
		fmt.Fprintf(&c.b, "%.1f,%.1f ", c.x(p[0]), c.y(p[1]))
	}
	c.b.WriteString(`"/>`)
	return c
}

// diagonal is what no skill, or perfect calibration, would give.
func (c *canvas) diagonal() *canvas {
	low, high := max(c.x0, c.y0), min(c.x1, c.y1)
	if high > low {
		fmt.Fprintf(&c.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="var(--ref)" stroke-dasharray="5 4"/>`, c.x(low), c.y(low), c.x(high), c.y(high))
	}
	return c
}

func (c *canvas) dot(x, y, radius float64) {
	fmt.Fprintf(&c.b, `<circle cx="%.1f" cy="%.1f" r="%g" fill="var(--cur)" fill-opacity=".7"/>`, c.x(x), c.y(y), radius)
}

func (c *canvas) done(title string) template.HTML {
	c.text((left+plotWidth-gap)/2, plotHeight-6, "middle", c.horizontally)
	fmt.Fprintf(&c.b, `<text transform="translate(12 %.0f) rotate(-90)" text-anchor="middle">%s</text>`, (plotHeight-bottom)/2, template.HTMLEscapeString(c.vertical))
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s" style="width:100%%;font-size:11px;fill:var(--dim)">%s</svg>`,
		plotWidth, plotHeight, template.HTMLEscapeString(title), c.b.String()))
}

// fewest predictions of a bin that is drawn.
const fewest = 10

func reliability(bins []Reliability) *canvas {
	c := unit("mean confidence", "accuracy").diagonal()
	var points [][2]float64
	for _, b := range bins {
		if b.Count < fewest {
			continue
		}
		half := (c.x(b.Upper) - c.x(b.Lower)) / 2
		fmt.Fprintf(&c.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--ref)" fill-opacity=".25"/>`,
			c.x(b.Lower), c.y(b.ConsistencyUpper), 2*half, c.y(b.ConsistencyLower)-c.y(b.ConsistencyUpper))
		points = append(points, [2]float64{b.MeanConfidence, b.Accuracy})
		c.segment(b.MeanConfidence, b.AccuracyLower, b.MeanConfidence, b.AccuracyUpper, "var(--cur)", 1.5)
		c.dot(b.MeanConfidence, b.Accuracy, 4)
	}
	return c.line(points)
}

func cloud(points [][2]float64) *canvas {
	x0, x1, y0, y1 := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, p := range points {
		x0, x1, y0, y1 = min(x0, p[0]), max(x1, p[0]), min(y0, p[1]), max(y1, p[1])
	}
	c := newCanvas(x0, x1, y0, y1, "actual value", "prediction").diagonal()
	for _, p := range points {
		c.dot(p[0], p[1], 2.5)
	}
	return c
}

func bars(h *Histogram) *canvas {
	most := 0
	for _, n := range h.Counts {
		most = max(most, n)
	}
	last := len(h.Edges) - 1
	c := newCanvas(h.Edges[0], h.Edges[last], 0, float64(most), "prediction less actual value", "rows")
	for k, n := range h.Counts {
		fmt.Fprintf(&c.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="var(--cur)" fill-opacity=".7"/>`,
			c.x(h.Edges[k]), c.y(float64(n)), max(c.x(h.Edges[k+1])-c.x(h.Edges[k])-1, .5), c.y(0)-c.y(float64(n)))
	}
	return c
}
