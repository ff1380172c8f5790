package offline

import (
	"errors"
	"fmt"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

func TestGate(t *testing.T) {
	d := &Replay{Records: 10, Agreement: &performance.Metric{Value: .97, Lower: .9, Upper: .99, N: 10}, Latency: Quantiles{P99: .02},
		Metrics: map[string]performance.Metric{"accuracy": {Value: .9, Lower: .8, Upper: 1, N: 10}, "precision": {Undefined: "no positive predictions"}}}
	for text, want := range map[string]string{
		"agreement >= 0.95": "[]",
		"agreement>=0.95 and latency_seconds.p99 < 0.05": "[]",
		"agreement >= 0.99": "[agreement >= 0.99: it is 0.97]",
		"metrics.accuracy.lower > 0.85, agreement > 0.5":   "[metrics.accuracy.lower > 0.85: it is 0.8]",
		"metrics.precision > 0.5":                          "[metrics.precision > 0.5: undefined: no positive predictions]",
		"difference.max_abs < 1":                           `[difference.max_abs < 1: "difference" is not in the result]`,
		"records == 10 && records != 11 && records <= 10":  "[]",
		"calibration.ece_equal_width < 0.1 and records >1": `[calibration.ece_equal_width < 0.1: "calibration" is not in the result]`,
	} {
		g, err := ParseGate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if failed, err := g.Check(d); err != nil || fmt.Sprint(failed) != want {
			t.Errorf("%s: %v, %v; want %s", text, failed, err, want)
		}
	}
	for _, text := range []string{"", "agreement", "agreement > high", "0.9 < agreement", "agreement >= 0.9 or records > 1"} {
		if _, err := ParseGate(text); !errors.Is(err, ErrGate) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseGate(f *testing.F) {
	f.Add("agreement >= 0.99 and latency_seconds.p99 < 0.05")
	f.Fuzz(func(t *testing.T, s string) {
		if g, err := ParseGate(s); err == nil {
			if _, err := g.Check(&Replay{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
