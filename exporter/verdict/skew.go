package verdict

import (
	"fmt"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/result"
)

// A mismatch is no matter of chance, but a few rows are logged before their
// features were final.
const (
	skewShare   = .01
	skewSamples = 100
)

// skewRule is about values that serving computes otherwise than training did.
func skewRule(_ *Judge, m *result.Model, _ time.Time) (result.Level, string) {
	if m.Skew == nil {
		return "", ""
	}
	var found []string
	for i := range m.Skew.Features {
		f := &m.Skew.Features[i]
		if f.Window < skewSamples || f.Lower == nil || *f.Lower <= skewShare {
			continue
		}
		words := fmt.Sprintf("%s differs in %s of the records", f.Name, percent(*f.Ratio))
		if f.Factor != nil && (*f.Factor > 1.01 || *f.Factor < .99) {
			words += fmt.Sprintf(" (%.3g times the logged value)", *f.Factor)
		}
		found = append(found, words)
	}
	if len(found) == 0 {
		return "", ""
	}
	return result.Warning, "serving and training disagree on the same rows: " + list(found)
}
