package traffic

import (
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Usage is the traffic of one model and version since start, all taps
// together: what cost and capacity are taken from.
type Usage struct {
	Model, Version string
	Succeeded      uint64  // requests
	Requests       uint64  // with those that failed
	Seconds        float64 // sum of the durations of all requests
}

// Usage is every model and version that was ever counted, in no order.
func (t *Traffic) Usage() []Usage {
	type id struct{ model, version string }
	sums := map[id]*Usage{}
	at := func(m *dto.Metric) *Usage {
		k := id{label(m, "model"), label(m, "model_version")}
		if sums[k] == nil {
			sums[k] = &Usage{Model: k.model, Version: k.version}
		}
		return sums[k]
	}
	each(t.duration, func(m *dto.Metric) {
		u := at(m)
		u.Requests += m.GetHistogram().GetSampleCount()
		u.Seconds += m.GetHistogram().GetSampleSum()
	})
	each(t.requests, func(m *dto.Metric) {
		if label(m, "outcome") == record.Success.String() {
			at(m).Succeeded += uint64(m.GetCounter().GetValue())
		}
	})
	out := make([]Usage, 0, len(sums))
	for _, u := range sums {
		out = append(out, *u)
	}
	return out
}

func each(c prometheus.Collector, f func(*dto.Metric)) {
	ch := make(chan prometheus.Metric)
	go func() {
		c.Collect(ch)
		close(ch)
	}()
	for metric := range ch {
		var m dto.Metric
		if metric.Write(&m) == nil {
			f(&m)
		}
	}
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
