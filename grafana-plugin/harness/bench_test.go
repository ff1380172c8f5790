package harness

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkCallResource is what a dashboard's variables wait for, over the
// plugin protocol and with a real Prometheus behind: at most 20 ms at the 95th
// percentile are promised.
func BenchmarkCallResource(b *testing.B) {
	st := real(b, "healthy", 10*time.Minute)
	s := &Source{Host: launched(b), UID: "gnomon", URL: st.Prometheus, JSONData: map[string]any{}, Updated: time.Now()}
	scraped(b, st)
	paths := []string{"variables/models", "variables/versions?model=digits", "variables/features?model=digits&model_version=2", "variables/shadows?model=digits", "tag-keys"}
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		path := paths[i%len(paths)]
		start := time.Now()
		plain, _, _ := strings.Cut(path, "?")
		code, _, body, err := s.Resource(b.Context(), http.MethodGet, plain, path, nil, nil)
		if err != nil || code != http.StatusOK {
			b.Fatalf("%s: %d, %v: %s", path, code, err, body)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}
