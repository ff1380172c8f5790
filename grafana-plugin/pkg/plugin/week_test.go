package plugin

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A week of 100 features of 12 bins, as a real Prometheus answers it.
const (
	weekFeatures = 100
	weekBins     = 12
	weekEvery    = 10 * time.Minute
)

// writeWeek writes a week of counters and the reference as OpenMetrics, series by
// series.
func writeWeek(w io.Writer, to time.Time) {
	rng := rand.New(rand.NewPCG(1, 2))
	from := to.Add(-7 * 24 * time.Hour)
	fmt.Fprintln(w, "# TYPE gnomon_feature_bin counter")
	for f := range weekFeatures {
		for b := range weekBins {
			n := 0.
			for t := from; !t.After(to); t = t.Add(weekEvery) {
				n += float64(40 + rng.IntN(20))
				fmt.Fprintf(w, "gnomon_feature_bin_total{model=\"m\",model_version=\"1\",reference=\"r\",feature=\"f%03d\",bin=\"%02d\"} %v %d\n", f, b, n, t.Unix())
			}
		}
	}
	gauge := func(name string, labels func(int) []string, v float64) {
		fmt.Fprintf(w, "# TYPE %s gauge\n", name)
		for f := range weekFeatures {
			for _, l := range labels(f) {
				for t := to.Add(-time.Hour); !t.After(to); t = t.Add(time.Minute) {
					fmt.Fprintf(w, "%s{model=\"m\",reference=\"r\",feature=\"f%03d\"%s} %v %d\n", name, f, l, v, t.Unix())
				}
			}
		}
	}
	bins := func(int) (out []string) {
		for b := range weekBins {
			out = append(out, fmt.Sprintf(`,bin="%02d"`, b))
		}
		return out
	}
	plain := func(int) []string { return []string{""} }
	gauge("gnomon_reference_bin_ratio", bins, 1./weekBins)
	gauge("gnomon_reference_rows", plain, 50_000)
	gauge("gnomon_reference_design_effect_ratio", plain, 1.2)
	fmt.Fprintln(w, "# EOF")
}

// weekOfPrometheus is a Prometheus with that week, and its end.
func weekOfPrometheus(b *testing.B) (string, time.Time) {
	b.Helper()
	tools, err := filepath.Abs("../../../.cache/bin")
	if err != nil {
		b.Fatal(err)
	}
	for _, tool := range []string{"prometheus", "promtool"} {
		if _, err := os.Stat(filepath.Join(tools, tool)); err != nil {
			b.Skip("no Prometheus; make tools builds it")
		}
	}
	dir, to := b.TempDir(), time.Now().Add(-3*time.Hour).Truncate(weekEvery)
	f, err := os.Create(filepath.Join(dir, "week.om"))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	writeWeek(w, to)
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	f.Close()
	data := filepath.Join(dir, "data")
	if out, err := exec.Command(filepath.Join(tools, "promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=200h", f.Name(), data).CombinedOutput(); err != nil {
		b.Fatalf("%v: %.500s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("global: {}\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(tools, "prometheus"), "--config.file", config, "--storage.tsdb.path", data, "--storage.tsdb.retention.time", "30d", "--web.listen-address", address, "--log.level", "error")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if resp, err := http.Get("http://" + address + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return "http://" + address, to
			}
		}
		if time.Now().After(deadline) {
			b.Fatal("Prometheus does not become ready")
		}
	}
}

// remembering asks once and answers from memory then, so that what is measured
// is the plugin and not its upstream.
type remembering struct{ answers map[string][]byte }

func (m *remembering) RoundTrip(r *http.Request) (*http.Response, error) {
	var form []byte
	if r.Body != nil {
		form, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(form))
	}
	key := r.URL.String() + string(form)
	body, ok := m.answers[key]
	if !ok {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		if body, err = io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: %.300s: %w", resp.Status, body, err)
		}
		m.answers[key] = body
	}
	return &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
}

// BenchmarkDriftOfAWeek is the plugin's own time and memory for drift over seven
// days, 100 features of 12 bins: at most 50 ms and 20 MB are promised.
func BenchmarkDriftOfAWeek(b *testing.B) {
	address, to := weekOfPrometheus(b)
	for name, fields := range map[string]map[string]any{
		"ranking":                   {},
		"ranking/against_last_week": {"reference": map[string]any{"kind": "offset", "offset": "84h"}},
		"psi_over_time":             {"format": "timeseries", "statistic": "psi", "window": "12h"},
	} {
		b.Run(name, func(b *testing.B) {
			d := newDatasource(b, address, nil, func() time.Time { return to })
			d.prometheus.Client = &http.Client{Transport: &remembering{map[string][]byte{}}}
			d.cache.off = true
			q := query(b, "drift", to.Add(-7*24*time.Hour), to, fields)
			q.Interval, q.MaxDataPoints = 2*time.Hour, 84
			run := func() {
				r := d.dispatch(b.Context(), q, false)
				if r.Error != nil || len(r.Frames) == 0 {
					b.Fatal(r.Error)
				}
				if n := max(len(r.Frames), r.Frames[0].Rows()); n < weekFeatures {
					b.Fatalf("%d features", n)
				}
			}
			run()
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
		})
	}
}
