package postmortem

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWrite: a recorded answer of Prometheus. TestStack asks a real one.
func TestWrite(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result := ""
		switch q := r.URL.Query().Get("query"); {
		case strings.HasPrefix(q, `ALERTS{alertstate="firing"`) && strings.Contains(q, `model="m"`):
			result = `{"metric":{"alertname":"AccuracyDegraded","alert_class":"ticket","model_version":"3"},"values":[[1000,"1"],[1060,"1"]]},{"metric":{"alertname":"VersionMismatch","alert_class":"page","model_version":"3"},"values":[[940,"1"],[1000,"1"]]}`
		case strings.HasPrefix(q, "count("):
			result = `{"metric":{},"values":[[100,"1"],[820,"2"],[880,"2"],[940,"2"],[1000,"3"]]}`
		case strings.HasPrefix(q, "min by"):
			result = `{"metric":{"slo":"availability"},"values":[[820,"0.9"],[940,"0.7"],[1060,"0.6"],[1120,"0.5"]]}`
		case strings.HasPrefix(q, "sum(increase(gnomon_requests_total{model=\"m\"}[240s]))"):
			result = `{"metric":{},"values":[[1060,"1234.4"]]}`
		}
		_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"matrix","result":[` + result + `]}}`))
	}))
	defer server.Close()
	s := Settings{Prometheus: server.URL + "/", Model: "m", From: time.Unix(0, 0), To: time.Unix(2000, 0), Step: time.Minute, Client: server.Client()}
	var out strings.Builder
	if err := Write(t.Context(), &out, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Postmortem: m, 1970-01-01", "| Began | 1970-01-01 00:13:40 UTC |", "| Detected | 1970-01-01 00:15:40 UTC, by VersionMismatch |", "| Time to detect | 2m0s |",
		"| Time to resolve | 4m0s |", "| Budget spent | availability 30.0 % |", "| Predictions affected | 1234 |", "| AccuracyDegraded | ticket | 3 | 1970-01-01 00:16:40 UTC | 1970-01-01 00:17:40 UTC |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	s.Model = "other"
	if err := Write(t.Context(), &out, s); err == nil || !strings.Contains(err.Error(), "--from") {
		t.Errorf("nothing fired: %v", err)
	}
	s.Prometheus = "http://127.0.0.1:1"
	if err := Write(t.Context(), &out, s); err == nil {
		t.Error("nobody answers, and no error")
	}
}
