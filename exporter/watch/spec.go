// Package watch holds a model's monitors together: one Spec for a model by
// name (its shadows, reference, how its outputs are read), and one Model for
// each version of it that is seen in the traffic.
package watch

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/feature"
	"github.com/gnomon-dev/gnomon/exporter/monitor/identity"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/monitor/noise"
	"github.com/gnomon-dev/gnomon/exporter/monitor/suspect"
	"github.com/gnomon-dev/gnomon/exporter/monitor/worst"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/slice"
	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/classification"
	"github.com/gnomon-dev/gnomon/shadow/compare/kinds"
)

// Names of the features that are made of the model's answers.
const (
	predictionFeature = "prediction"
	confidenceFeature = "confidence"
)

// Spec is what is known of a model by name.
type Spec struct {
	Config   config.Model
	Listed   bool // in the configuration, not discovered
	Replay   *replay.Model
	Reader   compare.Kind   // reads and compares
	Restarts []*restarts    // by shadow
	Noise    []*noise.Total // by shadow: two runs of its own against each other
	Golden   []*golden      // by shadow: it against the primary
	Slicer   *slice.Slicer
	Origins  []*origin // by shadow

	baseline atomic.Pointer[Baseline]
	prober   atomic.Pointer[identity.Prober]
	fault    atomic.Pointer[string] // why there is no reference

	logged     logged // rows of training, for the skew check
	explaining explaining
	exposures  exposures

	mu        sync.Mutex
	extractor *feature.Extractor
	keepers   []*worst.Keeper // of its versions
}

func (s *Spec) addKeeper(k *worst.Keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	const most = 16 // versions at once
	if s.keepers = append(s.keepers, k); len(s.keepers) > most {
		s.keepers = s.keepers[1:]
	}
}

func (s *Spec) listKeepers() []*worst.Keeper {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.keepers)
}

// Baseline is the reference, ready to be held against.
type Baseline struct {
	Profile     *profile.Profile
	Source      string
	Provisional bool
	Loaded      time.Time
	// Correct of Labelled reference rows are answered right by the shadow.
	Correct, Labelled int
	// Answers are those of the reference rows whose truth is known.
	Answers []labels.Answer
	// Truth counts the reference's labels by class.
	Truth map[string]int
	// Dependence is the design effect of the labels in their order.
	Dependence float64
	// Suspect is rows of the reference that signs of attack are held against.
	Suspect []suspect.Row
}

// restarts counts a shadow's restarts by reason.
type restarts struct {
	mu     sync.Mutex
	counts map[string]uint64
}

func (r *restarts) add(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[reason]++
}

func (r *restarts) list() (by map[string]uint64, all uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by = make(map[string]uint64, len(r.counts))
	for k, n := range r.counts {
		by[k] = n
		all += n
	}
	return by, all
}

// defaultFloor is the share of disagreements that is put down to noise where
// nothing better is known: another precision of the same model moves answers
// only where they were nearly tied.
const defaultFloor = 0.01

// NewSpec prepares a model of the configuration. Its engines and its reference
// are put in place later.
func NewSpec(m config.Model, listed bool, reasons []string) *Spec {
	kind, err := kinds.New(m.Output.Options())
	if err != nil { // cannot be: the configuration was checked
		kind = classification.New(m.Output.Options())
	}
	s := &Spec{Config: m, Listed: listed, Reader: kind}
	s.Replay = &replay.Model{Reader: kind, Comparer: kind}
	for _, sh := range m.Shadows {
		s.Replay.Shadows = append(s.Replay.Shadows, &replay.Shadow{Name: sh.Name, Role: sh.Role})
		r := &restarts{counts: map[string]uint64{}}
		for _, reason := range reasons {
			r.counts[reason] = 0
		}
		s.Restarts = append(s.Restarts, r)
		s.Origins = append(s.Origins, &origin{})
		s.Noise = append(s.Noise, &noise.Total{})
		s.Golden = append(s.Golden, &golden{})
	}
	return s
}

// ClassName is a class's configured name, else its number.
func (s *Spec) ClassName(class int) string {
	if class >= 0 && class < len(s.Config.Output.Classes) {
		return s.Config.Output.Classes[class]
	}
	return strconv.Itoa(class)
}

// SetBaseline puts the reference in place.
func (s *Spec) SetBaseline(b *Baseline) {
	s.fault.Store(nil)
	s.baseline.Store(b)
}

// Fail says why there is no reference.
func (s *Spec) Fail(reason string) { s.fault.Store(&reason) }

// setExtractor fixes how features are made of inputs. A model that was loaded
// anew with other inputs brings another one.
func (s *Spec) setExtractor(e *feature.Extractor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extractor == nil || !slices.Equal(s.extractor.Names(), e.Names()) {
		s.extractor = e
	}
}

func (s *Spec) features() *feature.Extractor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.extractor
}
