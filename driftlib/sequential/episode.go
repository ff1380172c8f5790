package sequential

import (
	"fmt"
	"slices"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// State is where a feature stands.
type State string

// The states. A quiet feature's detector bets; from the alarm on it stops, and
// the rows after the alarm, which the stopping did not choose, say how large
// the change is.
const (
	Quiet State = "quiet"
	Alarm State = "alarm" // the detector alarmed; the size is not known yet
	Minor State = "minor" // real, but small: a ticket
	Major State = "major" // real and large (lower bound of PSI above 0.1): a page
)

const (
	sizeStep   = 200  // rows between two looks at the size
	sizeRows   = 2000 // rows after which the size is final
	clearRows  = 500  // rows of a window that may end an episode
	clearTimes = 2    // such windows in a row
	majorPSI   = 0.1
)

// Episode follows one feature from the alarm to its end. It counts rows in the
// ten bins of the profile. Not safe for concurrent use.
type Episode struct {
	reference []float64
	total     float64
	tau       float64
	tauBins   float64

	state State
	rows  int
	size  []float64 // counts since the alarm
	last  []float64 // counts of the window that may clear
	clear int       // windows in a row with no change left
}

// NewEpisode returns the episode of a feature whose reference has these counts
// in its ten bins.
func NewEpisode(reference []float64, tau, tauBins float64) (*Episode, error) {
	e := &Episode{reference: slices.Clone(reference), tau: tau, tauBins: tauBins, state: Quiet}
	if err := checkCounts(reference); err != nil {
		return nil, err
	}
	for _, c := range reference {
		e.total += c
	}
	if !(e.total > 0) {
		return nil, fmt.Errorf("%w: no counts", ErrReference)
	}
	e.size, e.last = make([]float64, len(reference)), make([]float64, len(reference))
	return e, nil
}

// State is where the feature stands.
func (e *Episode) State() State { return e.state }

// Begin starts the episode: the detector has alarmed.
func (e *Episode) Begin() {
	e.state, e.rows, e.clear = Alarm, 0, 0
	clear(e.size)
	clear(e.last)
}

// End ends it early (the new data were accepted as the reference).
func (e *Episode) End() { e.state = Quiet }

// Observe folds in a row of ten-bin group g while the episode lasts. It
// reports true when the episode has just ended and the detector must be reset.
func (e *Episode) Observe(g int) (ended bool) {
	if e.state == Quiet || g < 0 || g >= len(e.size) {
		return false
	}
	e.rows++
	e.last[g]++
	if e.rows <= sizeRows {
		e.size[g]++
		if e.rows%sizeStep == 0 {
			e.judge()
		}
	}
	if e.rows%clearRows == 0 {
		return e.clearable()
	}
	return false
}

// judge says how large the change is by the rows since the alarm. Once major,
// an episode stays so until it ends.
func (e *Episode) judge() {
	if e.state == Major {
		return
	}
	e.state = Minor
	if e.interval(e.size).Lower > majorPSI {
		e.state = Major
	}
}

func (e *Episode) clearable() bool {
	gone := e.interval(e.last).Lower == 0
	clear(e.last)
	if !gone {
		e.clear = 0
		return false
	}
	if e.clear++; e.clear < clearTimes {
		return false
	}
	e.state = Quiet
	return true
}

func (e *Episode) interval(counts []float64) PSIInterval {
	psi, err := driftlib.PSI(e.reference, counts, driftlib.Floor)
	if err != nil {
		return PSIInterval{}
	}
	m, bins := 0.0, 0
	for i, c := range counts {
		m += c
		if c > 0 || e.reference[i] > 0 {
			bins++
		}
	}
	return IntervalOfPSI(psi, e.total, m, bins, e.tauBins, e.tau)
}
