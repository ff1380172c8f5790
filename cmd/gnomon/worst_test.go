package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/demo"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// TestWorstRecordsAndWhy: real images through a real model; the worst of them
// are listed and explained, and how much each patch decides is exported.
func TestWorstRecordsAndWhy(t *testing.T) {
	server := primary(t)
	_, model, reference, _ := digitsFiles(t)
	s := configured(t, server.URL, fmt.Sprintf("models:\n  - name: %s\n    reference: {file: %q, label: digit}\n    explain: {interval: 10ms, duty_cycle: 1}\n    shadows:\n      - {model: %q}\n", demo.ModelName, reference, model))
	s.until(t, "the reference is in place", func() bool { return s.model(t, demo.ModelName).Reference.Digest != "" })
	s.images(t, 300)
	var list struct {
		Records []result.Record `json:"records"`
	}
	s.until(t, "a record is explained", func() bool {
		s.images(t, 20)
		list.Records = nil
		if err := json.Unmarshal([]byte(fetch(t, s.pages+"/api/v1/models/"+demo.ModelName+"/worst?reason=low_confidence")), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Records) > 0 && list.Records[0].Explanation != nil
	})
	r := list.Records[0]
	if r.Confidence == nil || *r.Confidence > .9 || len(r.Explanation.Attributions) != 64 || r.Predicted != r.Explanation.Class {
		t.Errorf("the worst by confidence: %+v", r)
	}
	var e result.Explanation
	if err := json.Unmarshal([]byte(fetch(t, s.pages+"/api/v1/models/"+demo.ModelName+"/explain?id="+url.QueryEscape(r.ID))), &e); err != nil || e.Score != r.Explanation.Score {
		t.Errorf("explained on demand: %+v, %v", e, err)
	}
	s.until(t, "attribution drift is exported", func() bool {
		s.images(t, 20)
		d, ok := s.metric(t, "gnomon_attribution_js_distance")
		return ok && d >= 0 && d <= 1
	})
	if sum, _ := s.metric(t, "gnomon_attribution_ratio"); sum < .999 || sum > 1.001 {
		t.Errorf("the parts' shares add up to %v", sum)
	}
	if n, ok := s.metric(t, "gnomon_suspect_alarm", `kind="outlier"`); !ok || n != 0 {
		t.Errorf("alarms about honest images: %v, exported %v", n, ok)
	}
	for path, says := range map[string]string{"worst?reason=ugly": "is not known", "worst?limit=0": "a number from 1", "explain": "id: is missing", "explain?id=nobody": "no such record"} {
		resp, err := http.Get(s.pages + "/api/v1/models/" + demo.ModelName + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if body := fetch(t, s.pages+"/api/v1/models/"+demo.ModelName+"/"+path); resp.StatusCode < 400 || !strings.Contains(body, says) {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
}
