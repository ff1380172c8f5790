package board

import (
	"maps"
	"slices"
)

func sorted(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func merge(base, more map[string]any) map[string]any {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]any{}
	}
	maps.Copy(out, more)
	return out
}

// defaults are the options of every panel of a kind.
func defaults(kind string) map[string]any {
	last := map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	legend := map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}}
	tooltip := map[string]any{"mode": "multi", "sort": "desc"}
	switch kind {
	case "timeseries":
		return map[string]any{"legend": legend, "tooltip": tooltip}
	case "stat":
		return map[string]any{"reduceOptions": last, "colorMode": "value", "graphMode": "none", "textMode": "auto", "justifyMode": "auto", "orientation": "auto", "wideLayout": true}
	case "bargauge":
		return map[string]any{"reduceOptions": last, "displayMode": "basic", "orientation": "horizontal", "valueMode": "color", "showUnfilled": true, "namePlacement": "auto"}
	case "table":
		return map[string]any{"showHeader": true, "cellHeight": "sm", "footer": map[string]any{"show": false, "reducer": []string{"sum"}, "countRows": false}}
	case "heatmap":
		return map[string]any{"calculate": false, "cellGap": 1, "legend": map[string]any{"show": true}, "showValue": "never", "tooltip": map[string]any{"mode": "single", "yHistogram": false},
			"yAxis": map[string]any{"axisPlacement": "left", "reverse": false}, "rowsFrame": map[string]any{"layout": "auto"}}
	case "barchart":
		return map[string]any{"legend": legend, "tooltip": tooltip, "orientation": "auto", "stacking": "none", "showValue": "never", "groupWidth": 0.8, "barWidth": 0.95, "xTickLabelRotation": -45, "xTickLabelMaxLength": 18, "fullHighlight": false}
	case "xychart":
		return map[string]any{"legend": legend, "tooltip": map[string]any{"mode": "single"}, "mapping": "manual"}
	case "logs":
		return map[string]any{"showTime": true, "wrapLogMessage": true, "sortOrder": "Descending", "enableLogDetails": true, "dedupStrategy": "none", "showLabels": false, "showCommonLabels": false, "prettifyLogMessage": false}
	}
	return nil
}

// customs are the field options of every panel of a kind.
func customs(kind string) map[string]any {
	switch kind {
	case "timeseries":
		return map[string]any{"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": 60000, "thresholdsStyle": map[string]any{"mode": "off"}}
	case "barchart":
		return map[string]any{"fillOpacity": 80, "lineWidth": 0}
	case "table":
		return map[string]any{"align": "auto", "cellOptions": map[string]any{"type": "auto"}, "inspect": false, "minWidth": 56}
	}
	return map[string]any{}
}

// withLine draws the thresholds into a time series.
func withLine() map[string]any {
	return map[string]any{"thresholdsStyle": map[string]any{"mode": "dashed"}}
}

// softly gives the axis of what is mostly zero a sensible top; Grafana would
// take 100.
func softly(top float64) map[string]any { return map[string]any{"axisSoftMax": top} }

// wrapped is a column of long text: Grafana 11 and 12 keep it in two places.
func wrapped() map[string]any {
	return map[string]any{"custom.cellOptions": map[string]any{"type": "auto", "wrapText": true}, "custom.wrapText": true}
}

func width(n int) map[string]any { return map[string]any{"custom.width": n} }

// cell colours a table's cells by their thresholds.
func cell(unit string, steps any) map[string]any {
	out := map[string]any{"custom.cellOptions": map[string]any{"type": "color-background", "mode": "basic"}}
	if unit != "" {
		out["unit"] = unit
	}
	if steps != nil {
		out["thresholds"] = map[string]any{"mode": "absolute", "steps": steps}
		out["color"] = map[string]any{"mode": "thresholds"}
	}
	return out
}
