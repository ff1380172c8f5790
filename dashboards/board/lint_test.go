package board

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

// lintPanel is what the rules below read of a panel.
type lintPanel struct {
	ID          int
	Type, Title string
	Datasource  struct{ UID string }
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct{ Steps []struct{ Color string } }
		}
	}
	Options struct {
		Legend struct{ ShowLegend bool }
	}
	Targets []struct {
		Expr, LegendFormat string
		Format             string
	}
	Panels []lintPanel
}

type lintBoard struct {
	UID, Title, Refresh string
	SchemaVersion       int
	Editable            bool
	Tags                []string
	Templating          struct {
		List []struct{ Name, Type string }
	}
	Panels []lintPanel
}

func linted(t *testing.T) map[string]lintBoard {
	t.Helper()
	files, err := Files()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]lintBoard{}
	for name, body := range files {
		var b lintBoard
		if err := json.Unmarshal(body, &b); err != nil {
			t.Fatal(err)
		}
		out[name] = b
	}
	return out
}

func (b lintBoard) all() (out []lintPanel) {
	for _, p := range b.Panels {
		out = append(append(out, p), p.Panels...)
	}
	return out
}

// TestLintBoards: schema, variables and panels that do not lie on each other.
func TestLintBoards(t *testing.T) {
	for name, b := range linted(t) {
		if b.SchemaVersion != 42 || b.Editable || len(b.Tags) == 0 || b.Refresh == "" {
			t.Errorf("%s: schema %d, editable %v, tags %q, refresh %q", name, b.SchemaVersion, b.Editable, b.Tags, b.Refresh)
		}
		variables := map[string]bool{}
		for _, v := range b.Templating.List {
			variables[v.Name] = true
		}
		for _, needed := range []string{"datasource", "cluster", "namespace", "model", "model_version", "feature"} {
			if !variables[needed] {
				t.Errorf("%s has no variable %s", name, needed)
			}
		}
		ids, taken := map[int]bool{}, map[[2]int]string{}
		for _, p := range b.all() {
			if p.ID == 0 || ids[p.ID] {
				t.Errorf("%s: %q has the id %d, as another one", name, p.Title, p.ID)
			}
			ids[p.ID] = true
		}
		for _, p := range b.Panels {
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if x >= 24 || taken[[2]int{x, y}] != "" {
						t.Errorf("%s: %q lies on %q, or beyond the edge", name, p.Title, taken[[2]int{x, y}])
						x, y = 24, 1<<20
						continue
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

var ranges = regexp.MustCompile(`\b(rate|irate|increase|delta)\([^[]*\[([^]]+)\]`)

// TestLintPanels: units, data sources by variable, rates over $__rate_interval,
// legends that name their series, colours that everybody tells apart.
func TestLintPanels(t *testing.T) {
	okabeIto := map[string]bool{blue: true, sky: true, orange: true, red: true, purple: true, neutral: true, "transparent": true, "": true}
	for name, b := range linted(t) {
		for _, p := range b.all() {
			if p.Type == "row" {
				continue
			}
			where := name + ": " + p.Title
			if p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("%s has no unit", where)
			}
			if p.Datasource.UID != "${datasource}" && p.Datasource.UID != "${gnomon}" {
				t.Errorf("%s is bound to %q", where, p.Datasource.UID)
			}
			for _, s := range p.FieldConfig.Defaults.Thresholds.Steps {
				if !okabeIto[s.Color] {
					t.Errorf("%s: colour %s", where, s.Color)
				}
			}
			if p.Type == "timeseries" && !p.Options.Legend.ShowLegend {
				t.Errorf("%s has no legend", where)
			}
			for _, q := range p.Targets {
				if q.Expr != "" && q.Format == "time_series" && q.LegendFormat == "" {
					t.Errorf("%s: a series without a name: %s", where, q.Expr)
				}
				for _, r := range ranges.FindAllStringSubmatch(q.Expr, -1) {
					if r[1] != "increase" && r[2] != "$__rate_interval" {
						t.Errorf("%s: %s over %s", where, r[1], r[2])
					}
				}
				if strings.Count(q.Expr, "(") != strings.Count(q.Expr, ")") {
					t.Errorf("%s: brackets of %s", where, q.Expr)
				}
			}
		}
	}
}
