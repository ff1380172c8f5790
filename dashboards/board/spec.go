// Package board builds gnomon's dashboards: executive, on-call and debug. Each
// exists twice, over a plain Prometheus data source and with the panels that
// only gnomon's own data source can fill. A panel is a value of Panel; what is
// said of it (title, description, unit, thresholds) stands beside its query.
package board

import (
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Colours of Okabe and Ito, told apart by everybody, on dark and on light.
const (
	blue    = "#0072B2"
	sky     = "#56B4E9"
	orange  = "#E69F00"
	red     = "#D55E00"
	purple  = "#CC79A7"
	neutral = "#8E8E8E"
)

// Variant is which data source a dashboard is for.
type Variant string

// The variants.
const (
	Prometheus Variant = "prometheus" // a plain Prometheus data source
	Gnomon     Variant = "gnomon"     // and gnomon's
)

// Panel is one panel.
type Panel struct {
	Kind        string // timeseries, stat, bargauge, table, heatmap, barchart, xychart, logs
	Title       string
	Description string
	Unit        string
	W, H        uint32
	Targets     []Target
	Steps       []dashboard.Threshold
	Mappings    []dashboard.ValueMapping
	Min, Max    *float64
	Decimals    *float64
	NoValue     string // shown where what is measured is optional
	Options     map[string]any
	Custom      map[string]any
	Overrides   []Override
	Transform   []dashboard.DataTransformerConfig
	Links       []Link
	Only        Variant // empty: in both
}

// Target is a query: an expression, or one for gnomon's data source.
type Target struct {
	Expr    string
	Legend  string
	Instant bool
	Table   bool // instant, labels as columns
	Gnomon  map[string]any
}

// Override sets properties of the fields that a name or a pattern matches.
type Override struct {
	Name, Pattern string
	Set           map[string]any
}

// Link is a link of a panel's values.
type Link struct{ Title, URL string }

// Row is a line of panels under a question.
type Row struct {
	Title     string
	Panels    []Panel
	Collapsed bool // opens on demand: its panels need what not everybody has
}

// Board is one dashboard.
type Board struct {
	UID, Title, Description string
	From, Refresh           string
	OneFeature              bool // the variable feature is one name, not several
	KPI                     bool
	Rows                    []Row
}

// Boards are the three.
func Boards() []Board { return []Board{executive(), oncall(), debug()} }

func ptr[T any](v T) *T { return &v }

// steps makes thresholds: a base colour and pairs of value and colour.
func steps(base string, pairs ...any) []dashboard.Threshold {
	out := []dashboard.Threshold{{Color: base}}
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, dashboard.Threshold{Value: ptr(number(pairs[i])), Color: pairs[i+1].(string)})
	}
	return out
}

func number(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case float64:
		return n
	}
	panic("a threshold is no number") // a mistake in this package, found by any test
}

// verdicts maps the numbers of verdictExpr to words.
func verdicts() []dashboard.ValueMapping {
	result := func(text, color string, index int32) dashboard.ValueMappingResult {
		return dashboard.ValueMappingResult{Text: &text, Color: &color, Index: &index}
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: "value", Options: map[string]dashboard.ValueMappingResult{
		"0": result("healthy", blue, 0),
		"1": result("learning", sky, 1),
		"2": result("unknown", neutral, 2),
		"3": result("warning", orange, 3),
		"4": result("critical", red, 4),
	}}}}
}

// yesno maps 1 and 0 to words.
func yesno(one, zero string, good int) []dashboard.ValueMapping {
	colors := [2]string{red, blue}
	if good == 0 {
		colors = [2]string{blue, red}
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: "value", Options: map[string]dashboard.ValueMappingResult{
		"0": {Text: &zero, Color: &colors[0], Index: ptr(int32(0))},
		"1": {Text: &one, Color: &colors[1], Index: ptr(int32(1))},
	}}}}
}

// said is the word for a number, and its colour.
type said struct{ word, color string }

// words maps 0, 1, 2 and so on to words.
func words(all ...said) []dashboard.ValueMapping {
	options := map[string]dashboard.ValueMappingResult{}
	for i, s := range all {
		options[strconv.Itoa(i)] = dashboard.ValueMappingResult{Text: &s.word, Color: &s.color, Index: ptr(int32(i))}
	}
	return []dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{Type: "value", Options: options}}}
}

// dashed is for bounds and references beside what is measured.
func dashed(pattern, hex string) Override {
	return Override{Pattern: pattern, Set: map[string]any{"custom.lineStyle": map[string]any{"fill": "dash", "dash": []int{6, 4}}, "custom.fillOpacity": 0, "color": map[string]any{"mode": "fixed", "fixedColor": hex}}}
}

func color(hex string) map[string]any {
	return map[string]any{"color": map[string]any{"mode": "fixed", "fixedColor": hex}}
}

func named(name string, set ...map[string]any) Override {
	all := map[string]any{}
	for _, s := range set {
		for k, v := range s {
			all[k] = v
		}
	}
	return Override{Name: name, Set: all}
}

func transform(id string, options map[string]any) dashboard.DataTransformerConfig {
	return dashboard.DataTransformerConfig{Id: id, Options: options}
}
