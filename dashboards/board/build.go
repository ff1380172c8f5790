package board

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// runbooks is where the alerts' pages are.
const runbooks = "https://github.com/gnomon-dev/gnomon/blob/main/alerts/runbooks/"

// PluginID is gnomon's data source.
const PluginID = "gnomon-gnomon-datasource"

func prometheusRef() common.DataSourceRef {
	return common.DataSourceRef{Type: ptr("prometheus"), Uid: ptr("${datasource}")}
}

func gnomonRef() common.DataSourceRef {
	return common.DataSourceRef{Type: ptr(PluginID), Uid: ptr("${gnomon}")}
}

// JSON builds a dashboard of a variant.
func (b Board) JSON(v Variant) ([]byte, error) {
	d := dashboard.NewDashboardBuilder(b.Title).
		Uid(b.UID+suffix(v)).Description(b.Description).
		Tags([]string{"gnomon" + suffix(v)}).Timezone("browser").Readonly().
		Time(b.From, "now").Refresh(b.Refresh).Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Version(1)
	for _, l := range b.links(v) {
		d = d.Link(l)
	}
	for _, variable := range b.variables(v) {
		d = d.WithVariable(variable)
	}
	for _, a := range annotations(v) {
		d = d.Annotation(a)
	}
	for _, r := range b.Rows {
		panels := r.of(v)
		if len(panels) == 0 {
			continue
		}
		if r.Collapsed {
			row := dashboard.NewRowBuilder(r.Title).Collapsed(true)
			for _, p := range panels {
				row = row.WithPanel(p)
			}
			d = d.WithRow(row)
			continue
		}
		d = d.WithRow(dashboard.NewRowBuilder(r.Title))
		for _, p := range panels {
			d = d.WithPanel(p)
		}
	}
	out, err := d.Build()
	if err != nil {
		return nil, fmt.Errorf("dashboard %s: %w", b.UID, err)
	}
	number := uint32(0)
	for i := range out.Panels {
		number++
		if p := out.Panels[i].Panel; p != nil {
			p.Id = ptr(number)
			continue
		}
		out.Panels[i].RowPanel.Id = number
		for j := range out.Panels[i].RowPanel.Panels {
			number++
			out.Panels[i].RowPanel.Panels[j].Id = ptr(number)
		}
	}
	raw, err := json.MarshalIndent(out, "", "  ")
	return append(raw, '\n'), err
}

func suffix(v Variant) string {
	if v == Gnomon {
		return "-plugin"
	}
	return ""
}

// links lead from each dashboard to the others, with time and variables.
func (b Board) links(v Variant) []cog.Builder[dashboard.DashboardLink] {
	return []cog.Builder[dashboard.DashboardLink]{
		dashboard.NewDashboardLinkBuilder("gnomon").Type(dashboard.DashboardLinkTypeDashboards).Tags([]string{"gnomon" + suffix(v)}).
			IncludeVars(true).KeepTime(true).AsDropdown(false).Icon("external link").Tooltip("The other views of the same models"),
		dashboard.NewDashboardLinkBuilder("Runbooks").Type(dashboard.DashboardLinkTypeLink).Url(runbooks).
			TargetBlank(true).Icon("doc").Tooltip("What to do about each alert"),
	}
}

func (b Board) variables(v Variant) []cog.Builder[dashboard.VariableModel] {
	out := []cog.Builder[dashboard.VariableModel]{
		dashboard.NewDatasourceVariableBuilder("datasource").Label("Prometheus").Type("prometheus"),
	}
	if v == Gnomon {
		out = append(out, dashboard.NewDatasourceVariableBuilder("gnomon").Label("gnomon").Type(PluginID))
	}
	of := func(label, metric string) string { return "label_values(" + metric + ", " + label + ")" }
	chain := `cluster=~"$cluster",namespace=~"$namespace"`
	out = append(out,
		several("cluster", "Cluster", of("cluster", "gnomon_model_verdict")),
		several("namespace", "Namespace", of("namespace", `gnomon_model_verdict{cluster=~"$cluster"}`)),
		several("job", "Job", of("job", "gnomon_model_verdict{"+chain+"}")),
		several("instance", "Instance", of("instance", "gnomon_model_verdict{"+chain+`,job=~"$job"}`)),
		several("model", "Model", of("model", "gnomon_model_verdict{"+chain+"}")),
		several("model_version", "Version", of("model_version", "gnomon_model_verdict{"+chain+`,model=~"$model"}`)),
	)
	feature := of("feature", "gnomon_feature_window_samples{"+chain+`,model=~"$model"}`)
	if b.OneFeature {
		out = append(out, query("feature", "Feature", feature))
	} else {
		out = append(out, several("feature", "Feature", feature))
	}
	if b.KPI {
		// The same figure as the selectors of the board give, for a start.
		kpi := "sum(rate(gnomon_requests_total{outcome=\"success\"}[5m])) * avg(gnomon_accuracy_ratio)"
		out = append(out, dashboard.NewTextBoxVariableBuilder("kpi").Label("Business KPI").Description("A PromQL expression of what the business counts: revenue, conversions, right answers a second.").
			DefaultValue(dashboard.StringOrMap{String: &kpi}).
			Current(dashboard.VariableOption{Text: dashboard.StringOrArrayOfString{String: &kpi}, Value: dashboard.StringOrArrayOfString{String: &kpi}}))
	}
	return out
}

func query(name, label, expr string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).Label(label).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": expr, "refId": "variable"}}).
		Datasource(prometheusRef()).Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortNaturalAsc)
}

// several is a variable of several values; All matches also what has no such
// label, as a single cluster often has not.
func several(name, label, expr string) *dashboard.QueryVariableBuilder {
	all := dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}}
	return query(name, label, expr).Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{Selected: ptr(true), Text: dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}}, Value: all})
}

// annotations are model changes and drift alarms on every panel.
func annotations(v Variant) []cog.Builder[dashboard.AnnotationQuery] {
	if v == Gnomon {
		return []cog.Builder[dashboard.AnnotationQuery]{
			dashboard.NewAnnotationQueryBuilder().Name("Events").Datasource(gnomonRef()).Enable(true).IconColor(purple).
				Target(raw{"refId": "Anno", "queryType": "events", "model": "$model"}),
		}
	}
	return []cog.Builder[dashboard.AnnotationQuery]{
		dashboard.NewAnnotationQueryBuilder().Name("Model changes").Datasource(prometheusRef()).Enable(true).IconColor(purple).
			Expr("changes(" + m("gnomon_model_last_change_timestamp_seconds") + "[2m]) > 0"),
	}
}

// raw is a query of gnomon's data source.
type raw map[string]any

func (raw) ImplementsDataqueryVariant()          {}
func (raw) Equals(variants.Dataquery) bool       { return false }
func (raw) DataqueryType() string                { return PluginID }
func (raw) Validate() error                      { return nil }
func (r raw) Build() (variants.Dataquery, error) { return r, nil }

func (r Row) of(v Variant) []cog.Builder[dashboard.Panel] {
	var out []cog.Builder[dashboard.Panel]
	for _, p := range r.Panels {
		if p.Only == "" || p.Only == v {
			out = append(out, p.builder(v))
		}
	}
	return out
}

func (p Panel) plugin() bool { return len(p.Targets) > 0 && p.Targets[0].Gnomon != nil }

func (p Panel) builder(v Variant) *dashboard.PanelBuilder {
	ref := prometheusRef()
	if p.plugin() {
		ref = gnomonRef()
	}
	b := dashboard.NewPanelBuilder().Type(p.Kind).Title(p.Title).Description(p.Description).
		Datasource(ref).Span(p.W).Height(p.H).Unit(p.Unit)
	for i, t := range p.Targets {
		b = b.WithTarget(t.builder(string(rune('A' + i))))
	}
	if p.Steps != nil {
		b = b.Thresholds(dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(p.Steps))
	}
	if p.Mappings != nil {
		b = b.Mappings(p.Mappings)
	}
	if p.Min != nil {
		b = b.Min(*p.Min)
	}
	if p.Max != nil {
		b = b.Max(*p.Max)
	}
	if p.Decimals != nil {
		b = b.Decimals(*p.Decimals)
	}
	if p.NoValue != "" {
		b = b.NoValue(p.NoValue)
	}
	if p.Transform != nil {
		b = b.Transformations(p.Transform)
	}
	b = b.Options(merge(defaults(p.Kind), p.Options)).Custom(merge(customs(p.Kind), p.Custom))
	b = b.ColorScheme(dashboard.NewFieldColorBuilder().Mode(p.colorMode()))
	return p.rest(b, v)
}

func (p Panel) rest(b *dashboard.PanelBuilder, v Variant) *dashboard.PanelBuilder {
	for i, hue := range p.hues() {
		b = b.WithOverride(dashboard.MatcherConfig{Id: "byFrameRefID", Options: string(rune('A' + i))},
			[]dashboard.DynamicConfigValue{{Id: "color", Value: map[string]any{"mode": "shades", "fixedColor": hue}}})
	}
	for _, o := range p.Overrides {
		matcher := dashboard.MatcherConfig{Id: "byName", Options: o.Name}
		if o.Pattern != "" {
			matcher = dashboard.MatcherConfig{Id: "byRegexp", Options: o.Pattern}
		}
		var values []dashboard.DynamicConfigValue
		for _, k := range sorted(o.Set) {
			values = append(values, dashboard.DynamicConfigValue{Id: k, Value: o.Set[k]})
		}
		b = b.WithOverride(matcher, values)
	}
	var links []cog.Builder[dashboard.DashboardLink]
	for _, l := range p.Links {
		if strings.HasPrefix(l.URL, "/d/") {
			l.URL += suffix(v)
		}
		links = append(links, dashboard.NewDashboardLinkBuilder(l.Title).Type(dashboard.DashboardLinkTypeLink).Url(l.URL).KeepTime(true).IncludeVars(true))
	}
	if links != nil {
		b = b.Links(links)
	}
	return b
}

// hues are the colours of a time series' queries, told apart by everybody.
// Where one query has many series (features, classes, kinds) there are more than
// such colours: those keep Grafana's palette.
func (p Panel) hues() []string {
	palette := []string{blue, orange, purple, sky, red, neutral}
	if p.Kind != "timeseries" || len(p.Targets) > len(palette) {
		return nil
	}
	for _, t := range p.Targets {
		for _, many := range []string{"feature", "class", "kind", "reason", "outcome", "shadow", "slice", "component", "process"} {
			if strings.Contains(t.Legend, "{{"+many+"}}") {
				return nil
			}
		}
	}
	return palette[:len(p.Targets)]
}

func (p Panel) colorMode() dashboard.FieldColorModeId {
	if p.Steps != nil && p.Kind != "timeseries" {
		return dashboard.FieldColorModeIdThresholds
	}
	return dashboard.FieldColorModeIdPaletteClassic
}

func (t Target) builder(ref string) cog.Builder[variants.Dataquery] {
	if t.Gnomon != nil {
		out := raw{"refId": ref}
		for k, v := range t.Gnomon {
			out[k] = v
		}
		return out
	}
	b := prometheus.NewDataqueryBuilder().Expr(t.Expr).RefId(ref).LegendFormat(t.Legend).EditorMode(prometheus.QueryEditorModeCode)
	switch {
	case t.Table:
		return b.Instant().Format(prometheus.PromQueryFormatTable)
	case t.Instant:
		return b.Instant().Format(prometheus.PromQueryFormatTimeSeries)
	}
	return b.Range().Format(prometheus.PromQueryFormatTimeSeries)
}
