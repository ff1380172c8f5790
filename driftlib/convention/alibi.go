package convention

import (
	"math"

	"github.com/gnomon-dev/gnomon/driftlib"
)

// alibi is Alibi Detect's KSDrift and ChiSquareDrift: a p-value below 0.05,
// divided by the number of features (Bonferroni). The p-value of KS is
// asymptotic: the exact law of one sample of nm/(n+m) values, rounded.
// Chi-square is a contingency test, with Yates' correction of two categories.
func alibi(a, b *Column, features int) Result {
	r := Result{Statistics: map[string]float64{}, Threshold: .05 / float64(features)}
	if a.numeric() {
		d := driftlib.KSStatisticSorted(sorted(a.Numbers), sorted(b.Numbers))
		r.Statistics["ks"] = d
		r.Test, r.Score = "K-S p-value", roundedKS(d, a.len(), b.len())
		r.Statistics["ks_pvalue"] = r.Score
		r.Statistics["ks_pvalue_adjusted"] = min(1, r.Score*float64(features))
	} else {
		c, _ := byCategory(a, b)
		r.Statistics["chi2"], r.Statistics["chi2_dof"], r.Score = contingency(c)
		r.Test, r.Statistics["chi2_pvalue"] = "chi-square p-value", r.Score
	}
	r.Drifted = r.Score < r.Threshold
	r.Reason = reason(&r, "below")
	return r
}

// roundedKS is scipy's kstwo.sf(d, round(nm / (n + m))).
func roundedKS(d float64, n, m int) float64 {
	en := math.RoundToEven(float64(n) * float64(m) / float64(n+m))
	return driftlib.KSAsymptoticPValue(d, 2*en, 2*en)
}
