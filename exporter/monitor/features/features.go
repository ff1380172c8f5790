// Package features watches the distributions of a model's features against
// their reference: every value is counted in its bin for the fleet, kept in a
// sliding window for exact statistics, and put before a sequential detector
// that raises the alarms.
package features

import (
	"fmt"
	"math"
	"sort"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/driftlib/window"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// rankBins is the number of quantiles that a detector ranks by.
const rankBins = 64

// Settings is what a Monitor is made of.
type Settings struct {
	Profile   *profile.Profile
	Window    int     // values of a feature that exact statistics are taken over
	RunLength float64 // ticks between false alarms of the model
	Replicas  int
	Verdict   verdict.Options
	Now       func() time.Time
}

// Monitor watches one model's features. Safe for concurrent use.
type Monitor struct {
	s       Settings
	members []*member

	mu    sync.Mutex // over group, counts, states
	group *sequential.Group

	// scratch of Evaluate, which one goroutine calls
	buffers [][]float32
}

// member is one feature.
type member struct {
	ref    *verdict.Reference
	edges  []float64 // of the detector's ranks; nil for categories
	window *window.Sliding
	totals []uint64
	since  time.Time // of the present episode
}

// New returns a Monitor for every feature of the profile, in its order.
func New(s Settings) (*Monitor, error) {
	m := &Monitor{s: s, buffers: make([][]float32, len(s.Profile.Features))}
	var list []sequential.Feature
	for i := range s.Profile.Features {
		f := &s.Profile.Features[i]
		ref, err := verdict.NewReference(f)
		if err != nil {
			return nil, err
		}
		mem := &member{ref: ref, window: window.NewSliding(s.Window), totals: make([]uint64, len(f.Bins))}
		ranks, err := mem.ranks(f)
		if err != nil {
			return nil, fmt.Errorf("feature %q: %w", f.Name, err)
		}
		list = append(list, sequential.Feature{Name: f.Name, Ranks: ranks, Groups: ref.Binner.Rollup(ref.Counts), Tau: f.Tau, TauBins: f.TauBins})
		m.members = append(m.members, mem)
	}
	var err error
	m.group, err = sequential.NewGroup(list, s.RunLength, s.Replicas)
	return m, err
}

// ranks are the reference's counts in the detector's ordered bins: missing,
// then the values between the quantiles, or the categories and what is none of
// them.
func (m *member) ranks(f *profile.Feature) ([]float64, error) {
	if f.Kind == profile.Categorical || len(f.Sample) == 0 {
		out := make([]float64, len(m.ref.Counts))
		for bin, c := range m.ref.Counts {
			out[m.rankOfBin(bin)] += c
		}
		return out, nil
	}
	var err error
	if m.edges, err = sequential.Edges(f.Sample, rankBins); err != nil {
		return nil, err
	}
	out := make([]float64, len(m.edges)+2)
	for _, v := range f.Sample {
		out[1+sort.SearchFloat64s(m.edges, v)]++
	}
	// The sample stands for the values that are there; the missing in
	// proportion.
	if present := f.Count - f.Missing; present > 0 {
		out[0] = math.Round(float64(f.Missing) * float64(len(f.Sample)) / float64(present))
	}
	return out, nil
}

// rankOfBin puts missing first and keeps the order of the others.
func (m *member) rankOfBin(bin int) int {
	missing := m.ref.Binner.Missing()
	switch {
	case bin == missing:
		return 0
	case bin < missing:
		return bin + 1
	default:
		return bin
	}
}

func (m *member) place(v feature.Value) (bin, rank int, number float32) {
	b := m.ref.Binner
	switch {
	case v.Missing:
		return b.Missing(), 0, float32(math.NaN())
	case v.IsText:
		bin = b.CategoryIndex(v.Text)
		return bin, m.rankOfBin(bin), float32(math.NaN())
	}
	bin = b.Index(v.Number)
	if m.edges == nil {
		return bin, m.rankOfBin(bin), float32(v.Number)
	}
	if math.IsNaN(v.Number) {
		return bin, 0, float32(v.Number)
	}
	return bin, 1 + sort.SearchFloat64s(m.edges, v.Number), float32(v.Number)
}

// Observe folds in rows of values in the profile's order, and looks for an
// alarm.
func (m *Monitor) Observe(rows [][]feature.Value) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, row := range rows {
		for i, v := range row {
			if i >= len(m.members) {
				break
			}
			mem := m.members[i]
			bin, rank, number := mem.place(v)
			if bin < 0 {
				continue // a text where the reference has numbers; schema anomalies count it
			}
			mem.totals[bin]++
			mem.window.Observe(number, bin)
			m.group.Observe(i, rank, mem.ref.Binner.Group(bin))
		}
	}
	for _, i := range m.group.Check() {
		m.members[i].since = m.s.Now()
	}
}

// Tick says that one of the detectors' units of time has passed.
func (m *Monitor) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.group.Tick()
}

// Evaluate takes all statistics over the windows. One goroutine at a time
// calls it; ingestion goes on meanwhile.
func (m *Monitor) Evaluate() []result.Feature {
	comparisons := make([]verdict.Result, len(m.members))
	copies := make([]window.Copy, len(m.members))
	for i, mem := range m.members {
		copies[i] = mem.window.Copy(m.buffers[i], mem.ref.Binner.Len())
		m.buffers[i] = copies[i].Values
		comparisons[i] = verdict.Compare(mem.ref, verdict.Sample{Counts: copies[i].Counts, Values: copies[i].Values})
	}
	verdict.Adjust(comparisons, m.s.Verdict)
	out := make([]result.Feature, len(m.members))
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, mem := range m.members {
		out[i] = mem.result(&comparisons[i], copies[i], m.group.Status(i))
	}
	return out
}

func (m *member) result(c *verdict.Result, w window.Copy, s sequential.Status) result.Feature {
	f := m.ref.Feature
	out := result.Feature{Name: f.Name, Kind: string(f.Kind), State: string(s.State), Verdict: string(c.Verdict), Severity: string(c.Severity), Reason: c.Reason,
		Samples: w.N, Evidence: s.Evidence, Threshold: s.Threshold, Alarms: s.Alarms,
		KS: number(c.KS), KSPValue: number(c.KSPValue), KSAdjusted: number(c.KSAdjusted),
		PSI: number(c.PSI.Value), PSILower: number(c.PSI.Lower), PSIUpper: number(c.PSI.Upper), KL: number(c.KL), JSDistance: number(c.JSDistance),
		Wasserstein: number(c.Wasserstein), ChiSquare: number(c.ChiSquare), ChiSquarePValue: number(c.ChiSquarePValue), DesignEffect: number(f.DesignEffect)}
	if s.State != sequential.Quiet {
		out.Since = m.since
	}
	if len(w.Values) > 0 {
		sum := 0.0
		for _, v := range w.Values {
			sum += float64(v)
		}
		mean := sum / float64(len(w.Values))
		out.Mean = &mean
	}
	for i := range m.totals {
		low, high := m.ref.Binner.Ends(i)
		bin := result.Bin{Label: m.ref.Binner.Label(i), Lower: number(low), Upper: number(high), Reference: m.ref.Counts[i] / float64(f.Count), Total: m.totals[i]}
		if w.N > 0 {
			bin.Current = w.Counts[i] / float64(w.N)
		}
		out.Bins = append(out.Bins, bin)
	}
	return out
}

// number is nil for what is no finite number.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
