package cloudevents

import (
	"encoding/json"
	"strconv"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// feedback reads Seldon's feedback event as a label: the truth's first value,
// else the reward.
func feedback(e event) (record.Label, bool) {
	var f struct {
		Response struct {
			Meta struct {
				PUID string `json:"puid"`
			} `json:"meta"`
		} `json:"response"`
		Reward *float64        `json:"reward"`
		Truth  json.RawMessage `json:"truth"`
	}
	if json.Unmarshal(e.data, &f) != nil {
		return record.Label{}, false
	}
	label := record.Label{ID: e.attributes["requestid"], Model: e.model(), Time: e.time}
	if label.ID == "" {
		label.ID = f.Response.Meta.PUID
	}
	if label.ID == "" {
		label.ID = e.id
	}
	var truth any
	if len(f.Truth) > 0 && json.Unmarshal(f.Truth, &truth) == nil {
		if v, ok := scalar(truth); ok {
			return withTruth(label, v), true
		}
	}
	if f.Reward == nil {
		return label, false
	}
	return withTruth(label, *f.Reward), true
}

func withTruth(label record.Label, v any) record.Label {
	switch v := v.(type) {
	case string:
		label.Class = v
	case bool:
		label.Class = strconv.FormatBool(v)
	case float64:
		label.Class = strconv.FormatFloat(v, 'g', -1, 64)
		label.Value = &v
	}
	return label
}

// scalar is the first value of a truth: itself, or of data.ndarray,
// data.tensor.values, strData, nested however deep.
func scalar(v any) (any, bool) {
	switch v := v.(type) {
	case string, float64, bool:
		return v, true
	case []any:
		if len(v) > 0 {
			return scalar(v[0])
		}
	case map[string]any:
		for _, name := range []string{"data", "ndarray", "tensor", "values", "strData", "jsonData"} {
			if inner, ok := v[name]; ok {
				return scalar(inner)
			}
		}
	}
	return nil, false
}
