package offline

import (
	"fmt"
	"io"
	"text/tabwriter"

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
