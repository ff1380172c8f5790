// Package card writes a model card: what its owner says of a model, and what is
// measured of it while it serves. After M. Mitchell et al. (2019), Model cards
// for model reporting.
package card

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

//go:embed card.md.tmpl
var page string

// Card is the document.
type Card struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	Written time.Time   `json:"written"`
	By      string      `json:"written_by"`
	Owner   config.Card `json:"statement"` // what the owner says

	Provenance  []Provenance     `json:"provenance"`
	Reference   result.Reference `json:"reference"`
	Features    []Input          `json:"inputs"`
	Performance []Row            `json:"performance"`
	Slices      []Row            `json:"slices,omitempty"`
	Unmeasured  string           `json:"performance_unknown,omitempty"` // why there is no performance
	Calibration []Row            `json:"calibration,omitempty"`
	Limits      []string         `json:"limits"`
	Findings    []result.Finding `json:"findings"`
	Decisive    []Decisive       `json:"decisive_inputs,omitempty"`
}

// Provenance is one engine that the model, or one like it, was loaded into.
type Provenance struct {
	Role, Shadow string
	Digest       string
	Origin       string            `json:",omitempty"`
	Version      string            `json:",omitempty"`
	Signature    string            `json:",omitempty"`
	Metadata     map[string]string `json:",omitempty"`
}

// Input is one feature.
type Input struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	State string `json:"state"`
}

// Row is one figure of one group.
type Row struct {
	Group  string        `json:"group"`
	Metric string        `json:"metric"`
	Value  result.Metric `json:"value"`
}

// Decisive is a part of the input with its share in what decides the answers.
type Decisive struct {
	Part  string  `json:"part"`
	Share float64 `json:"share"`
}

// mostDecisive bounds the list of what decides.
const mostDecisive = 10

// New makes the card of a model as it is measured now.
func New(m result.Model, statement config.Card, shadows []config.Shadow, build result.Build, now time.Time) Card {
	c := Card{Name: m.Name, Version: m.Version, Written: now.UTC().Truncate(time.Second), By: "gnomon " + build.Version, Owner: statement,
		Reference: m.Reference, Findings: m.Verdict.Findings, Features: []Input{}, Provenance: []Provenance{}, Performance: []Row{}, Limits: []string{}}
	for _, s := range m.Shadows {
		p := Provenance{Role: s.Role, Shadow: s.Name, Digest: s.Digest, Origin: s.Origin, Version: s.Version, Metadata: s.Metadata}
		for _, configured := range shadows {
			if configured.Name == s.Name && configured.Signature != nil {
				p.Signature = "verified against " + configured.Signature.Key
			}
		}
		c.Provenance = append(c.Provenance, p)
	}
	for _, f := range m.Features {
		c.Features = append(c.Features, Input{f.Name, f.Kind, f.State})
	}
	c.measured(m.Performance)
	c.decisive(m.Attributions)
	c.limits(&m)
	return c
}

func (c *Card) measured(p *result.Performance) {
	if p == nil {
		c.Unmeasured = "no labels are joined"
		return
	}
	c.Unmeasured = p.Undefined
	for _, w := range p.Windows {
		c.Performance = append(c.Performance, rows(w, "last "+w.Name)...)
	}
	for _, w := range p.Slices {
		c.Slices = append(c.Slices, rows(w, w.Name)...)
	}
	if k := p.Calibration; k != nil {
		for _, r := range []struct {
			name  string
			value *float64
		}{{"ECE, equal width", k.ECEEqualWidth}, {"ECE, equal mass", k.ECEEqualMass}, {"ECE, debiased", k.ECEDebiased}, {"Brier score", k.Brier}} {
			if r.value != nil {
				c.Calibration = append(c.Calibration, Row{"calibration", r.name, result.Metric{Value: r.value}})
			}
		}
	}
}

func rows(w result.Window, group string) []Row {
	var out []Row
	for _, name := range slices.Sorted(maps.Keys(w.Metrics)) {
		m := w.Metrics[name]
		if m.N == 0 {
			m.N = w.N
		}
		out = append(out, Row{group, name, m})
	}
	return out
}

func (c *Card) decisive(a *result.Attributions) {
	if a == nil {
		return
	}
	for _, p := range a.Parts {
		c.Decisive = append(c.Decisive, Decisive{p.Part, p.Current})
	}
	slices.SortStableFunc(c.Decisive, func(a, b Decisive) int { return cmp.Compare(b.Share, a.Share) })
	c.Decisive = c.Decisive[:min(len(c.Decisive), mostDecisive)]
}

// limits is what the measurements say that nobody should rely on.
func (c *Card) limits(m *result.Model) {
	say := func(format string, args ...any) { c.Limits = append(c.Limits, fmt.Sprintf(format, args...)) }
	if m.Reference.Provisional {
		say("The reference was learned from live traffic, whatever that was: drift is measured against it, not against the training data.")
	}
	if m.Reference.Digest == "" {
		say("There is no reference: whether the inputs are those that the model was made for is not known.")
	}
	for _, f := range m.Verdict.Findings {
		if f.Level == result.Critical || f.Level == result.Warning {
			say("At the time of writing: %s.", f.Words)
		}
	}
	if p := m.Performance; p != nil {
		if p.Coverage != nil && *p.Coverage < .5 {
			say("Only %.0f %% of the predictions have labels; performance is that of those.", 100**p.Coverage)
		}
		for _, w := range p.Slices {
			a, all := w.Metrics["accuracy"], overall(p)
			if a.Upper != nil && all != nil && *a.Upper < *all {
				say("%s: accuracy %.3f, with certainty below the %.3f of all.", w.Name, *a.Value, *all)
			}
		}
	}
	if len(m.Shadows) == 0 {
		say("No copy of the model runs beside it: whether what is served is what was meant is not checked.")
	}
}

func overall(p *result.Performance) *float64 {
	if p.Accuracy == nil {
		return nil
	}
	return &p.Accuracy.Value
}

// WriteMarkdown writes the card as Markdown.
func (c Card) WriteMarkdown(w io.Writer) error {
	t, err := template.New("card").Funcs(template.FuncMap{"value": value, "cell": cell, "or": either, "said": said}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, c)
}

// value is a figure with its interval, or why there is none.
func value(m result.Metric) string {
	switch {
	case m.Value == nil && m.Undefined != "":
		return "undefined: " + m.Undefined
	case m.Value == nil:
		return "undefined"
	case m.Lower != nil && m.Upper != nil:
		return fmt.Sprintf("%.4g [%.4g, %.4g]", *m.Value, *m.Lower, *m.Upper)
	}
	return fmt.Sprintf("%.4g", *m.Value)
}

// said is what a file says, or that it does not.
func said(metadata map[string]string, key string) string { return either(cell(metadata[key]), "-") }

// cell keeps a text inside its table cell.
func cell(s string) string { return strings.NewReplacer("|", "\\|", "\n", " ").Replace(s) }

func either(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}
