package offline

import (
	"compress/gzip"
	"encoding/csv"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/driftlib/verdict"
)

// messages are the texts of the SMS collection as a table, shuffled.
func messages(t *testing.T) []string {
	t.Helper()
	f, err := os.Open("../../../shared/data/text/sms_spam.csv.gz")
	if err != nil {
		t.Skipf("no data: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, row := range rows[1:] {
		out = append(out, row[1])
	}
	rand.New(rand.NewPCG(5, 6)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func textTable(texts []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"text"})
	for _, s := range texts {
		_ = w.Write([]string{s})
	}
	w.Flush()
	return b.String()
}

// TestDriftOfTexts: gnomon drift on a column of text sees what happened to it by
// the summary that is made for it, and nothing where nothing has.
func TestDriftOfTexts(t *testing.T) {
	all := messages(t)
	reference := textTable(all[:3000])
	for name, c := range map[string]struct {
		change func(string) string
		by     string
	}{
		"nothing":    {func(s string) string { return s }, ""},
		"upper case": {strings.ToUpper, "text.upper_ratio"},
		"mojibake":   {func(s string) string { return strings.ReplaceAll(s, "e", "Ã©") }, "text.non_ascii_ratio"},
		"no spaces":  {func(s string) string { return strings.ReplaceAll(s, " ", "") }, "text.token_length"},
		"reversed":   {func(s string) string { r := []rune(s); slices.Reverse(r); return string(r) }, "text.likelihood"},
		"cut":        {func(s string) string { return s[:min(len(s), 40)] }, "text"},
		"blank":      {func(s string) string { return map[bool]string{true: "  ", false: s}[len(s)%4 == 0] }, "text.empty"},
	} {
		var current []string
		for _, s := range all[3000:4500] {
			current = append(current, strings.ToValidUTF8(c.change(s), "?"))
		}
		d, err := FindDrift(Known{Table: open(t, reference)}, open(t, textTable(current)), DriftOptions{Options: verdict.Defaults(), Texts: true})
		if err != nil {
			t.Fatal(err)
		}
		var drifted []string
		for _, f := range d.Features {
			if f.Verdict == verdict.Drift {
				drifted = append(drifted, f.Name)
			}
		}
		if len(d.Features) != 8 || (c.by == "") != (drifted == nil) || (c.by != "" && !slices.Contains(drifted, c.by)) {
			t.Errorf("%s: of %d features %v have drifted, want %q", name, len(d.Features), drifted, c.by)
		}
	}
}
