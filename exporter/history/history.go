// Package history keeps the last hours of every model for the page's small
// plots, and the last events. It is bounded; Prometheus is where history
// lives for good.
package history

import (
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Store holds the snapshot published last, points and events. Safe for
// concurrent use.
type Store struct {
	points int
	events int

	mu      sync.RWMutex
	current *result.Snapshot
	series  map[key][]result.Point
	log     []result.Event
	changed chan struct{}
}

type key struct{ model, version string }

// New returns a store that keeps at most the given number of points a model
// and of events.
func New(points, events int) *Store {
	return &Store{points: points, events: events, series: map[key][]result.Point{}, changed: make(chan struct{}), current: &result.Snapshot{}}
}

// Publish makes s the current snapshot and wakes whoever waits for it. Models
// that s no longer holds lose their history.
func (s *Store) Publish(snapshot *result.Snapshot, events []result.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = snapshot
	held := make(map[key]bool, len(snapshot.Models))
	for i := range snapshot.Models {
		m := &snapshot.Models[i]
		k := key{m.Name, m.Version}
		held[k] = true
		s.series[k] = appendBounded(s.series[k], point(snapshot.Time, m), s.points)
	}
	for k := range s.series {
		if !held[k] {
			delete(s.series, k)
		}
	}
	for _, e := range events {
		s.log = appendBounded(s.log, e, s.events)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// appendBounded appends and drops the oldest half once twice the bound is
// reached, so that the cost of moving is spread.
func appendBounded[T any](list []T, v T, bound int) []T {
	list = append(list, v)
	if len(list) >= 2*bound {
		list = append(make([]T, 0, 2*bound), list[len(list)-bound:]...)
	}
	return list
}

// Snapshot is what was published last; empty before the first.
func (s *Store) Snapshot() *result.Snapshot {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.current
}

// Changed is closed at the next Publish.
func (s *Store) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// History is a model's points after since, the oldest first.
func (s *Store) History(model, version string, since time.Time) []result.Point {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return after(s.series[key{model, version}], since, s.points, func(p result.Point) time.Time { return p.Time })
}

// Events is every event after since, the oldest first.
func (s *Store) Events(since time.Time) []result.Event {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return after(s.log, since, s.events, func(e result.Event) time.Time { return e.Time })
}

func after[T any](list []T, since time.Time, bound int, at func(T) time.Time) []T {
	if len(list) > bound {
		list = list[len(list)-bound:]
	}
	i := len(list)
	for i > 0 && at(list[i-1]).After(since) {
		i--
	}
	return append(make([]T, 0, len(list)-i), list[i:]...)
}

func point(t time.Time, m *result.Model) result.Point {
	p := result.Point{Time: t, Level: m.Verdict.Level, PerSecond: m.Requests.PerSecond, ErrorRate: m.Requests.ErrorRate, P50: m.Requests.P50, P99: m.Requests.P99}
	for i := range m.Features {
		f := &m.Features[i]
		if f.State == "minor" || f.State == "major" {
			p.Drifted++
		}
		if f.PSI != nil && (p.WorstPSI == nil || *f.PSI > *p.WorstPSI) {
			p.WorstPSI, p.WorstFeature = f.PSI, f.Name
		}
	}
	for i := range m.Shadows {
		if s := &m.Shadows[i]; s.Role == "twin" {
			p.Disagreement, p.NoiseFloor = s.Disagreement, s.NoiseFloor
			break
		}
	}
	if perf := m.Performance; perf != nil {
		if perf.Accuracy != nil {
			p.Accuracy = &perf.Accuracy.Value
		}
		if perf.Calibration != nil {
			p.CalibrationErr = perf.Calibration.ECEEqualWidth
		}
	}
	if m.Confidence != nil {
		p.MeanConfidence = m.Confidence.Mean
	}
	return p
}
