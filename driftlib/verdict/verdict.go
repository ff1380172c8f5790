// Package verdict decides whether a sample has drifted from its reference: by
// the size of the effect AND a p-value adjusted over the features AND enough
// rows. Any one of them alone cries wolf: at 10,000 rows a side every trifle is
// significant, at 200 a PSI above 0.1 is chance in a third of all windows.
//
// The verdict is for one look at one window. Alarms come from
// driftlib/sequential: a p-value that is looked at again and again is void.
package verdict

import (
	"fmt"
	"math"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/internal/radix"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"gonum.org/v1/gonum/stat/distuv"
)

// Verdict is the answer for a feature.
type Verdict string

// The answers.
const (
	Drift            Verdict = "drift"
	NoDrift          Verdict = "no_drift"
	InsufficientData Verdict = "insufficient_data"
)

// Severity says how large a drift is.
type Severity string

// The severities. Major: the lower bound of PSI exceeds Options.Major.
const (
	MinorDrift Severity = "minor"
	MajorDrift Severity = "major"
)

// Options are the limits of the rule. All are printed with the verdict.
type Options struct {
	Alpha   float64 // of the adjusted p-value
	MinPSI  float64 // of the adjusted PSI
	MinRows int     // on either side
	Major   float64 // of the lower bound of PSI
	// Independent takes p-values of rows as if they were independent, which is
	// the rule for tables; otherwise n rows count as n / tau. The bias and the
	// bounds of PSI are those of dependent rows either way.
	Independent bool
	// Correction is how p-values are adjusted for the number of features: Holm
	// unless set.
	Correction Correction
}

// Correction is a way to adjust p-values for their number.
type Correction int

// The corrections: HolmCorrection bounds the probability of any false alarm
// among the features, FalseDiscoveryRate (Benjamini-Hochberg) the share of false
// ones among the alarms; the latter finds more and is for many features.
const (
	HolmCorrection Correction = iota
	FalseDiscoveryRate
)

// Defaults are the limits that the rule was measured with.
func Defaults() Options { return Options{Alpha: .05, MinPSI: .01, MinRows: 30, Major: .1} }

// Sample is the current side of a feature.
type Sample struct {
	Counts []float64 // by monitor bin
	Values []float32 // the finite values of a numeric feature; sorted in place
	// Sorted is the finite values in full precision, ascending, instead of
	// Values; it is held against Reference.Sorted.
	Sorted []float64
}

// Result is what is known of one feature. A statistic that does not apply is
// NaN.
type Result struct {
	Name     string
	Verdict  Verdict
	Severity Severity
	Reason   string

	Reference, Current float64 // rows
	// EffectiveReference and EffectiveCurrent are what the rows count as: rows /
	// tau, tau the autocorrelation time of the reference. Adjust sets them to the
	// rows where Options.Independent is set.
	EffectiveReference, EffectiveCurrent float64

	KS, KSPValue, KSAdjusted   float64
	KSIndependent              float64 // KSPValue, were the rows independent: what others print
	ChiSquare, ChiSquarePValue float64
	ChiSquareDoF               int
	PSI                        sequential.PSIInterval
	KL, JSDistance             float64
	Hellinger, TotalVariation  float64
	Wasserstein                float64 // divided by the reference's standard deviation, at least 1e-3
	PValue, Adjusted           float64 // of the feature: its tests combined, then adjusted over the features

	chiSquareIndependent float64 // ChiSquarePValue, were the rows independent
}

// Reference is a profile's feature made ready for comparisons. Immutable,
// safe for concurrent use.
type Reference struct {
	Feature *profile.Feature
	Binner  *profile.Binner
	Counts  []float64
	// Sorted is the reference's finite values, ascending: the profile's sample,
	// unless set to all of them.
	Sorted []float64
	sample []float32
}

// NewReference compiles a feature.
func NewReference(f *profile.Feature) (*Reference, error) {
	b, err := profile.NewBinner(f)
	if err != nil {
		return nil, fmt.Errorf("feature %q: %w", f.Name, err)
	}
	r := &Reference{Feature: f, Binner: b, Counts: make([]float64, len(f.Bins))}
	for i := range f.Bins {
		r.Counts[i] = float64(f.Bins[i].Count)
	}
	r.Sorted = f.Sample
	for _, v := range f.Sample {
		r.sample = append(r.sample, float32(v))
	}
	return r, nil
}

// Compare takes all statistics of one feature. Adjust decides.
func Compare(ref *Reference, s Sample) Result {
	nan := math.NaN()
	r := Result{Name: ref.Feature.Name, Reference: float64(ref.Feature.Count), KS: nan, KSPValue: nan, KSAdjusted: nan, KSIndependent: nan, ChiSquare: nan, ChiSquarePValue: nan,
		KL: nan, JSDistance: nan, Hellinger: nan, TotalVariation: nan, Wasserstein: nan, PValue: 1, Adjusted: 1, PSI: sequential.PSIInterval{Value: nan, Adjusted: nan, Lower: nan, Upper: nan}}
	for _, c := range s.Counts {
		r.Current += c
	}
	tau := max(ref.Feature.Tau, 1)
	r.EffectiveReference, r.EffectiveCurrent = r.Reference/tau, r.Current/tau
	if r.Current == 0 {
		return r
	}
	r.binned(ref, s.Counts)
	switch {
	case len(s.Sorted) > 0 && len(ref.Sorted) > 0:
		samples(&r, ref.Feature, ref.Sorted, s.Sorted)
	case len(s.Values) > 0 && len(ref.sample) > 0:
		radix.Float32s(s.Values, nil)
		samples(&r, ref.Feature, ref.sample, s.Values)
	}
	r.PValue = combined(r.KSPValue, r.ChiSquarePValue)
	return r
}

// combined is the p-value of two tests of one hypothesis: Bonferroni.
func combined(ks, chiSquare float64) float64 {
	if math.IsNaN(ks) {
		return chiSquare
	}
	return min(1, 2*min(ks, chiSquare))
}

func (r *Result) binned(ref *Reference, counts []float64) {
	f := ref.Feature
	tens, now := ref.Binner.Rollup(ref.Counts), ref.Binner.Rollup(counts)
	psi, err := driftlib.PSI(tens, now, driftlib.Floor)
	if err != nil {
		return // counts that are none; the caller's rows are 0
	}
	r.PSI = sequential.IntervalOfPSI(psi, r.Reference, r.Current, occupied(tens, now), f.TauBins, f.Tau)
	r.KL, _ = driftlib.KL(tens, now, driftlib.Floor)
	r.JSDistance, _ = driftlib.JSDistance(ref.Counts, counts)
	r.Hellinger, _ = driftlib.Hellinger(ref.Counts, counts)
	r.TotalVariation, _ = driftlib.TotalVariation(ref.Counts, counts)
	if full, err := driftlib.ChiSquareTest(ref.Counts, counts); err == nil {
		r.ChiSquare, r.ChiSquareDoF = full.Statistic, full.DoF
	}
	// The p-value pools cells of small expected counts and, of dependent rows,
	// divides by their design effect.
	if pooled, err := driftlib.ChiSquareTest(driftlib.PoolSmall(ref.Counts, counts, 5)); err == nil {
		r.ChiSquarePValue = tail(pooled.Statistic/max(f.TauBins, 1), pooled.DoF)
		r.chiSquareIndependent = pooled.PValue
	}
}

// tail is the upper tail of chi-square; 1 where there are no degrees of freedom.
func tail(statistic float64, dof int) float64 {
	if dof < 1 {
		return 1
	}
	return distuv.ChiSquared{K: float64(dof)}.Survival(statistic)
}

func occupied(a, b []float64) (n int) {
	for i := range a {
		if a[i] > 0 || b[i] > 0 {
			n++
		}
	}
	return n
}

// samples takes the statistics of two sorted samples. Dependent rows count as
// fewer: the p-value is that of n / tau and m / tau rows.
func samples[F float32 | float64](r *Result, f *profile.Feature, reference, current []F) {
	n, m := len(reference), len(current)
	r.KS = driftlib.KSStatisticSorted(reference, current)
	if max(n, m) <= driftlib.ExactKSLimit {
		r.KSIndependent = driftlib.KSExactPValue(r.KS, n, m)
	} else {
		r.KSIndependent = driftlib.KSAsymptoticPValue(r.KS, float64(n), float64(m))
	}
	r.KSPValue = r.KSIndependent
	if f.Tau > 1 {
		r.KSPValue = driftlib.KSAsymptoticPValue(r.KS, float64(n)/f.Tau, float64(m)/f.Tau)
	}
	r.Wasserstein = driftlib.WassersteinSorted(reference, current) / spread(f)
}

// spread is what the Wasserstein distance is divided by.
func spread(f *profile.Feature) float64 {
	if f.Moments == nil {
		return 1e-3
	}
	return max(1e-3, f.Moments.Std)
}

// WassersteinRaw is the distance in the unit of the values.
func (r *Result) WassersteinRaw(ref *Reference) float64 { return r.Wasserstein * spread(ref.Feature) }

// Adjust corrects the features' p-values for their number (Options.Correction)
// and decides: drift where the adjusted p-value is below Alpha AND the adjusted
// PSI is at least MinPSI AND both sides have MinRows rows. The results are
// changed in place.
func Adjust(results []Result, o Options) {
	p, ks := make([]float64, len(results)), make([]float64, len(results))
	for i := range results {
		r := &results[i]
		if o.Independent {
			r.EffectiveReference, r.EffectiveCurrent = r.Reference, r.Current
		}
		if o.Independent && r.Current > 0 {
			r.KSPValue, r.ChiSquarePValue = r.KSIndependent, r.chiSquareIndependent
			r.PValue = combined(r.KSPValue, r.ChiSquarePValue)
		}
		p[i], ks[i] = r.PValue, r.KSPValue
	}
	correct := Holm
	if o.Correction == FalseDiscoveryRate {
		correct = BenjaminiHochberg
	}
	adjusted, ksAdjusted := correct(p), correct(ks)
	for i := range results {
		results[i].Adjusted, results[i].KSAdjusted = adjusted[i], ksAdjusted[i]
		results[i].decide(o)
	}
}

func (r *Result) decide(o Options) {
	psi := r.PSI.Adjusted
	switch {
	case r.Current < float64(o.MinRows) || r.Reference < float64(o.MinRows):
		r.Verdict = InsufficientData
		r.Reason = fmt.Sprintf("%.0f reference and %.0f current rows; a verdict needs %d on both sides", r.Reference, r.Current, o.MinRows)
	case r.Adjusted < o.Alpha && psi >= o.MinPSI:
		r.Verdict, r.Severity = Drift, MinorDrift
		if r.PSI.Lower > o.Major {
			r.Severity = MajorDrift
		}
		r.Reason = fmt.Sprintf("adjusted p %.2g is below %g and PSI, its bias taken off, %.3f [%.3f, %.3f] is at least %g", r.Adjusted, o.Alpha, psi, r.PSI.Lower, r.PSI.Upper, o.MinPSI)
	case r.Adjusted < o.Alpha:
		r.Verdict = NoDrift
		r.Reason = fmt.Sprintf("significant (adjusted p %.2g) but too small to matter: PSI, its bias taken off, %.4f is below %g", r.Adjusted, psi, o.MinPSI)
	default:
		r.Verdict = NoDrift
		r.Reason = fmt.Sprintf("adjusted p %.2g is not below %g", r.Adjusted, o.Alpha)
	}
	if r.Verdict != InsufficientData && r.EffectiveCurrent < r.Current {
		r.Reason += fmt.Sprintf("; the rows hang together in time: %.0f reference and %.0f current rows count as %.0f and %.0f", r.Reference, r.Current, r.EffectiveReference, r.EffectiveCurrent)
	}
}
