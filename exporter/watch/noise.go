package watch

import (
	"context"
	"log/slog"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/monitor/noise"
	"github.com/gnomon-dev/gnomon/exporter/reference"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/shadow"
)

const (
	noiseLimit = 10 * time.Second // of one round of one shadow: its time is the shadow's, too
	noiseRows  = 2048             // golden inputs of a round
)

// measureNoise runs golden inputs and some of the live ones twice on every
// shadow: when a model comes into place and then every interval. It ends with ctx.
func (l *Loader) measureNoise(ctx context.Context, spec *Spec, ref *reference.Reference, r *running, log *slog.Logger) {
	measured := make([]string, len(spec.Config.Shadows)) // digest that was measured last
	last := time.Time{}
	for {
		again := l.Now().Sub(last) >= time.Duration(spec.Config.NoiseFloor.Interval)
		for i, e := range r.list() {
			if e == nil || !again && measured[i] == e.Model().Digest {
				continue
			}
			if digest := e.Model().Digest; measured[i] != digest {
				spec.Noise[i].Reset()
				measured[i] = digest
			}
			l.noiseRound(ctx, spec, i, e, ref, log)
		}
		if again {
			last = l.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(noisePause):
		}
	}
}

// noisePause is between looks for a model that is new.
const noisePause = 2 * time.Second

func (l *Loader) noiseRound(ctx context.Context, spec *Spec, i int, e shadow.Engine, ref *reference.Reference, log *slog.Logger) {
	var samples []shadow.Sample
	inputs := e.Model().Inputs
	if ref != nil && ref.Profile == nil {
		if golden, err := ref.Samples(inputs); err == nil {
			samples = append(samples, golden[:min(noiseRows, len(golden))]...)
		}
	}
	for _, live := range spec.Replay.Recent.List() {
		samples = append(samples, replay.Match(inputs, live))
	}
	if len(samples) == 0 {
		return // the next look may find some
	}
	limited, cancel := context.WithTimeout(ctx, noiseLimit)
	defer cancel()
	count, err := noise.Measure(limited, e, spec.Reader, samples)
	if limited.Err() != nil {
		err = nil // what was compared until then counts
	}
	spec.Noise[i].Add(count, err, l.Now())
	log.Info("noise floor measured", "shadow", spec.Config.Shadows[i].Name, "comparisons", count.Comparisons, "disagreements", count.Disagreements,
		"largest_difference", count.MaxAbs, "error", err)
}

// highestFloor bounds what is learned from live traffic: who disagrees more
// often is not noisy but another model.
const highestFloor = .05

// fewestGolden is the golden inputs below which their bound says nothing.
const fewestGolden = 256

// floor is the share of disagreements of shadow i that noise explains. Of a
// shadow that ought to answer as the primary does it is the upper bound of its
// first full window against the primary while nothing is wrong; until then, and
// of the others, the default. It is never below the bound of two runs of the
// shadow's own, nor of its first pass over golden inputs beside the primary,
// where those have ever disagreed: nothing is learned from too few that agree.
func (m *Model) floor(i int) float64 {
	self := m.spec.Noise[i].Get()
	role, digest := m.spec.Replay.Shadows[i].Role, m.spec.Replay.Shadows[i].Digest()
	peer := &m.peers[i]
	if peer.digest != digest {
		*peer = peerFloor{digest: digest}
	}
	if now := m.agreements[i].Evaluate(); !peer.learned && !now.Alarm && now.Window >= m.s.Evaluation.Window && (role == "twin" || role == "reference-precision") && m.rightModel() {
		peer.learned, peer.floor = true, min(noise.Upper(now.WindowDisagreements, now.Window), highestFloor)
	}
	floor := defaultFloor
	if peer.learned {
		floor = peer.floor
	}
	if self.Comparisons > 0 && self.Disagreements > 0 {
		floor = max(floor, min(self.Upper(), highestFloor))
	}
	if _, c := m.spec.Golden[i].get(); c.Comparisons >= fewestGolden && c.Disagreements > 0 {
		floor = max(floor, min(c.Upper(), highestFloor))
	}
	return floor
}

// peerFloor is what was learned of a shadow beside the primary.
type peerFloor struct {
	digest  string
	learned bool
	floor   float64
}

// rightModel reports that the fingerprint, where it is taken, matches.
func (m *Model) rightModel() bool {
	p := m.spec.prober.Load()
	if p == nil {
		return true
	}
	r := p.Result()
	return r.Checked.IsZero() || r.Match
}

// judgeNoise gives every agreement the floor that is known by now. A floor
// that changes starts its test anew, so small changes and alarms are left.
func (m *Model) judgeNoise() {
	for i, a := range m.agreements {
		now := a.Evaluate()
		floor := m.floor(i)
		if now.Alarm || floor > .9*now.Floor && floor < 1.1*now.Floor {
			continue
		}
		a.SetFloor(floor, m.disagreement(floor))
	}
}
