package stat

import "math"

// ReliabilityBin is the counters of one bin of confidence.
type ReliabilityBin struct {
	Label                      string
	Count, Correct, Confidence float64 // Confidence is the sum
}

// Calibration is the expected calibration error over bins.
type Calibration struct {
	N float64
	// ECE is sum_b (n_b/N) |accuracy_b - confidence_b|, 0 to 1.
	ECE float64
	// Debiased takes off what a perfectly calibrated model would show by chance:
	// sqrt(max(0, ECE² - E²)), E = sum_b (n_b/N) s_b sqrt(2/pi), s_b the standard
	// error of the bin's accuracy under its mean confidence.
	Debiased float64
	// Over and Under split ECE by the sign of confidence less accuracy.
	Over, Under float64
	MCE         float64
}

// Calibrate takes the error of a reliability diagram's counters. NaN without
// rows.
//
// Source: Guo et al., ICML 2017; the debiasing is driftlib/calibration's.
func Calibrate(bins []ReliabilityBin) Calibration {
	var c Calibration
	for _, b := range bins {
		c.N += b.Count
	}
	if c.N < 1 {
		nan := math.NaN()
		return Calibration{ECE: nan, Debiased: nan, Over: nan, Under: nan, MCE: nan}
	}
	expected := 0.0
	for _, b := range bins {
		if b.Count <= 0 {
			continue
		}
		confidence, accuracy, share := b.Confidence/b.Count, b.Correct/b.Count, b.Count/c.N
		gap := confidence - accuracy
		c.ECE += share * math.Abs(gap)
		c.Over += share * max(gap, 0)
		c.Under += share * max(-gap, 0)
		c.MCE = max(c.MCE, math.Abs(gap))
		p := min(max(confidence, 0), 1)
		expected += share * math.Sqrt(p*(1-p)/b.Count) * math.Sqrt(2/math.Pi)
	}
	c.Debiased = math.Sqrt(max(0, c.ECE*c.ECE-expected*expected))
	return c
}
