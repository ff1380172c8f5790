package metrics

import (
	"fmt"
	"io"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// BenchmarkScrape compares a scrape of a snapshot, each scraped once and so
// written anew, with the same series held in vectors of a registry.
func BenchmarkScrape(b *testing.B) {
	for _, features := range []int{100, 2200} { // 2.7k and 60k series
		families := Families(sample(features, 12))
		var snapshot Snapshot
		snapshot.Publish(families)
		b.Run(fmt.Sprintf("snapshot/features=%d", features), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				snapshot.Publish(families)
				if _, err := io.Discard.Write(snapshot.text(false)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("vec/features=%d", features), func(b *testing.B) { scrape(b, vectors(b, &snapshot)) })
	}
}

func scrape(b *testing.B, g prometheus.Gatherer) {
	b.ReportAllocs()
	for b.Loop() {
		families, err := g.Gather()
		if err != nil {
			b.Fatal(err)
		}
		enc := expfmt.NewEncoder(io.Discard, expfmt.NewFormat(expfmt.TypeTextPlain))
		for _, f := range families {
			if err := enc.Encode(f); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// vectors puts every series of the snapshot into vectors of a registry.
func vectors(b *testing.B, s *Snapshot) prometheus.Gatherer {
	reg := prometheus.NewRegistry()
	families, _ := s.Gather()
	for _, f := range families {
		var names []string
		for _, l := range f.Metric[0].Label {
			names = append(names, l.GetName())
		}
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: f.GetName(), Help: f.GetHelp()}, names)
		reg.MustRegister(vec)
		for _, m := range f.Metric {
			var values []string
			for _, l := range m.Label {
				values = append(values, l.GetValue())
			}
			vec.WithLabelValues(values...).Set(m.GetGauge().GetValue() + m.GetCounter().GetValue())
		}
	}
	return reg
}

// BenchmarkFamilies is what an evaluation pays to build the snapshot.
func BenchmarkFamilies(b *testing.B) {
	for _, features := range []int{100, 2200} {
		s := sample(features, 12)
		b.Run(fmt.Sprintf("features=%d", features), func(b *testing.B) {
			for b.Loop() {
				Families(s)
			}
		})
	}
}
