package offline

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
)

// WriteTable writes the document for a terminal.
func (d *Drift) WriteTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "reference %d rows, current %d rows, convention %s\n%s\n\n", d.Reference.Rows, d.Current.Rows, d.Convention, d.Rule)
	fmt.Fprintln(tw, "feature\ttype\tverdict\tPSI\tKL\tJS\tKS\tp adj.\tW1/sd\tmissing")
	for i := range d.Features {
		f := &d.Features[i]
		answer := string(f.Verdict)
		if f.Severity != "" {
			answer += " (" + string(f.Severity) + ")"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d > %d\n", f.Name, f.Type, answer, f.stat("psi", "%.4f"), f.stat("kl", "%.4f"), f.stat("js_distance", "%.4f"), f.stat("ks", "%.4f"), f.stat("pvalue_adjusted", "%.3g"), f.stat("wasserstein_normalized", "%.3f"), f.Reference.Missing, f.Current.Missing)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if len(d.Ignored) > 0 {
		fmt.Fprintf(w, "\nonly in the current table, not compared: %v\n", d.Ignored)
	}
	_, err := fmt.Fprintf(w, "\n%d of %d features have drifted\n", d.DriftedFeatures, len(d.Features))
	return err
}

func (f *Feature) stat(name, format string) string {
	v, ok := f.Stats[name]
	if !ok {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// tone is the colour word of a verdict.
func (f *Feature) tone() string {
	switch {
	case f.Verdict == verdict.Drift && f.Severity != verdict.MinorDrift:
		return "critical"
	case f.Verdict == verdict.Drift:
		return "warning"
	case f.Verdict == verdict.NoDrift:
		return "healthy"
	}
	return "neutral"
}

// WriteTable writes the document for a terminal.
func (e *Evaluation) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d rows\n", e.Task, e.Rows)
	for _, reason := range slices.Sorted(maps.Keys(e.Skipped)) {
		fmt.Fprintf(w, "%d rows left out: %s\n", e.Skipped[reason], reason)
	}
	for i := range e.Groups {
		if err := e.Groups[i].write(w); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) write(w io.Writer) error {
	fmt.Fprintf(w, "\n%s: %d rows\n", g.Name, g.Rows)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "metric\tvalue\t95 % interval\tn")
	metrics(tw, "", g.Metrics)
	if c := g.Calibration; c != nil {
		fmt.Fprintf(tw, "calibration error, %d equal-width bins\t%.4f\t\t\n", c.EqualWidth.Bins, c.EqualWidth.Value)
		fmt.Fprintf(tw, "calibration error, %d equal-mass bins\t%.4f\t\t\n", c.EqualMass.Bins, c.EqualMass.Value)
		fmt.Fprintf(tw, "calibration error, its bias taken off\t%.4f\t\t\n", c.Debiased.Value)
		fmt.Fprintf(tw, "calibration error above chance, standard deviations\t%.2f\t\t\n", c.Z)
		if c.ClassWise != nil {
			fmt.Fprintf(tw, "calibration error, mean of all classes\t%.4f\t\t\n", c.ClassWise.Value)
		}
		fmt.Fprintf(tw, "Brier: reliability - resolution + uncertainty\t%.4f - %.4f + %.4f\t\t\n", c.Brier.Reliability, c.Brier.Resolution, c.Brier.Uncertainty)
		if c.Temperature != nil {
			fmt.Fprintf(tw, "best temperature\t%.3f\tlog-loss %.4f to %.4f\t\n", c.Temperature.Value, c.Temperature.Before, c.Temperature.After)
		}
	}
	if g.Estimate != nil {
		metrics(tw, "estimated ", g.Estimate.Metrics)
	}
	for _, c := range g.Classes {
		metrics(tw, c.Label+": ", map[string]performance.Metric{"precision": c.Precision, "recall": c.Recall, "f1": c.F1})
	}
	return tw.Flush()
}

func metrics(tw io.Writer, prefix string, of map[string]performance.Metric) {
	for _, name := range slices.Sorted(maps.Keys(of)) {
		m := of[name]
		if !m.Defined() {
			fmt.Fprintf(tw, "%s%s\tundefined: %s\t\t\n", prefix, name, m.Undefined)
			continue
		}
		fmt.Fprintf(tw, "%s%s\t%.4f\t%.4f to %.4f\t%d\n", prefix, name, m.Value, m.Lower, m.Upper, m.N)
	}
}
