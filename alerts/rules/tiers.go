package rules

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// Tier is a pair of windows with the burn rate above which both must be.
type Tier struct {
	Name        string // fast, medium, slow, trend
	Long, Short time.Duration
	Factor      float64
	Class       string // page, ticket
	// Asked is the factor before it was made possible.
	Asked float64
}

// cap of the share of bad events that a tier may need to fire: beyond it a
// factor is rescaled, as even a complete outage would take most of the window.
const reachable = 0.8

// target of the rescaling: the fast tier then fires at half of all events bad.
const rescaled = 0.5

// Base is the window of an SLO's base records: 5 minutes for periods of 28
// days and more, shorter in proportion for shorter ones but never below two
// minutes, four scrapes at 30 s.
func Base(s *spec.SLO) time.Duration {
	if s.Length() >= 28*24*time.Hour {
		return 5 * time.Minute
	}
	b := time.Duration(float64(5*time.Minute) * float64(s.Length()) / float64(30*24*time.Hour)).Round(30 * time.Second)
	return max(b, 2*time.Minute)
}

// Tiers are the multi-window tiers of an SLO (Google's SRE workbook for 30
// days: 1h/5m x 14.4, 6h/30m x 6, 1d/2h x 3, 3d/6h x 1; windows scale with the
// period), with impossible factors made possible.
//
// A factor f fires only if the share of bad events can exceed f x (1 - target).
// Where the highest needs more than 80 % the factors are all scaled by one
// number so that the highest needs 50 %, and none falls below 1, the rate that
// spends the budget exactly.
func Tiers(s *spec.SLO) []Tier {
	var out []Tier
	base := Base(s)
	if len(s.Tiers) > 0 {
		for _, t := range s.Tiers {
			out = append(out, Tier{t.Name, multiple(t.Long.Std(), base), multiple(t.Short.Std(), base), t.Factor, t.Class, t.Factor})
		}
	} else {
		scale := min(float64(s.Length())/float64(30*24*time.Hour), 1)
		if s.Length() >= 28*24*time.Hour {
			scale = 1
		}
		window := func(d time.Duration) time.Duration {
			return multiple(time.Duration(float64(d)*scale), base)
		}
		out = []Tier{
			{"fast", window(time.Hour), window(5 * time.Minute), 14.4, "page", 14.4},
			{"medium", window(6 * time.Hour), window(30 * time.Minute), 6, "page", 6},
			{"slow", window(24 * time.Hour), window(2 * time.Hour), 3, "ticket", 3},
			{"trend", window(72 * time.Hour), window(6 * time.Hour), 1, "ticket", 1},
		}
	}
	highest := 0.0
	for _, t := range out {
		highest = max(highest, t.Factor)
	}
	budget := 1 - s.Target()
	if highest*budget > reachable {
		r := rescaled / budget / highest
		for i := range out {
			out[i].Factor = min(out[i].Factor, max(1, round(out[i].Factor*r)))
		}
	}
	return out
}

// multiple rounds a window to whole base windows, at least one.
func multiple(d, base time.Duration) time.Duration {
	return max(d.Round(base), base)
}

// round keeps three digits: factors are read by people.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// Detection is how long a tier takes to fire when a share of events goes bad
// all at once after a clean long window, and false where it never does: the
// long window holds the share x t/long, so t = long x f x (1 - target) / share.
func (t Tier) Detection(target, share float64) (time.Duration, bool) {
	need := t.Factor * (1 - target)
	if share <= need {
		return 0, false
	}
	return max(time.Duration(float64(t.Long)*need/share), time.Minute), true
}

// Spent is the share of the period's budget that is gone when the tier fires:
// factor x long / period, whatever the outage.
func (t Tier) Spent(period time.Duration) float64 {
	return t.Factor * t.Long.Seconds() / period.Seconds()
}

// Explain prints what the tiers of every SLO mean: when they fire in a complete
// and in partial outages, and what is spent by then.
func Explain(w io.Writer, f *spec.File) error {
	for i := range f.SLOs {
		s := &f.SLOs[i]
		kind := spec.Kinds()[s.Kind]
		if _, err := fmt.Fprintf(w, "%s: %.6g %% of %s", s.Name, s.Objective, kind.Says); err != nil {
			return err
		}
		if s.Threshold != "" {
			fmt.Fprintf(w, " (threshold %s)", s.Threshold)
		}
		fmt.Fprintf(w, ", over %s; needs %s of retention\n", s.Period, spec.Duration(s.Length()))
		fmt.Fprintf(w, "  %-7s %-9s %-7s %-13s %-10s %-10s %-10s %s\n", "tier", "alert", "burn", "windows", "100 % bad", "10 % bad", "1 % bad", "budget spent when it fires")
		for _, t := range Tiers(s) {
			name := s.Alerts.Page
			if t.Class == "ticket" {
				name = s.Alerts.Ticket
			}
			if name == "off" {
				continue
			}
			cells := []any{t.Name, t.Class, fmt.Sprintf("%g", t.Factor), spec.Duration(t.Long).String() + "/" + spec.Duration(t.Short).String()}
			for _, share := range []float64{1, .1, .01} {
				cells = append(cells, "never")
				if d, ok := t.Detection(s.Target(), share); ok {
					cells[len(cells)-1] = d.Round(time.Second).String()
				}
			}
			cells = append(cells, fmt.Sprintf("%.1f %%", 100*t.Spent(s.Length())))
			if t.Factor != t.Asked {
				cells[len(cells)-1] = fmt.Sprintf("%v (burn %g would need %.0f %% bad; rescaled)", cells[len(cells)-1], t.Asked, 100*t.Asked*(1-s.Target()))
			}
			if _, err := fmt.Fprintf(w, "  %-7s %-9s %-7s %-13s %-10s %-10s %-10s %s\n", cells...); err != nil {
				return err
			}
		}
	}
	return nil
}
