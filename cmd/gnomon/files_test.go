package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs a command in this process.
func call(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(stdin), &o, &e})
	return code, o.String(), e.String()
}

func tables(t *testing.T) (reference, same, shifted string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, from int) string {
		var b strings.Builder
		b.WriteString("age,city\n")
		for i := range 300 {
			fmt.Fprintf(&b, "%d,%s\n", 20+(i*37+from)%50, []string{"Rome", "Oslo"}[i%2])
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shifted = write("shifted.csv", 0)
	text, err := os.ReadFile(shifted)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shifted, []byte(strings.ReplaceAll(string(text), "Oslo", "Lima")), 0o600); err != nil {
		t.Fatal(err)
	}
	return write("reference.csv", 0), write("same.csv", 1), shifted
}

func TestDriftExitCodes(t *testing.T) {
	reference, same, shifted := tables(t)
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no drift":       {[]string{"drift", "--reference", reference, "--current", same, "--fail-on-drift"}, exitDone, "0 of 2 features"},
		"drift":          {[]string{"drift", "--reference", reference, "--current", shifted}, exitDone, "1 of 2 features"},
		"gate":           {[]string{"drift", "--reference", reference, "--current", shifted, "--fail-on-drift"}, exitTripped, "gate tripped: 1 of 2 features have drifted"},
		"excluded":       {[]string{"drift", "--reference", reference, "--current", shifted, "--fail-on-drift", "--exclude", "city"}, exitDone, "0 of 1 features"},
		"no file":        {[]string{"drift", "--reference", "absent.csv", "--current", shifted}, exitFailed, "absent.csv"},
		"no flag":        {[]string{"drift", "--reference", reference}, exitUsage, "--current"},
		"wrong bins":     {[]string{"drift", "--reference", reference, "--current", same, "--bins", "1"}, exitUsage, "--bins is 1; give 2 to 1000"},
		"wrong column":   {[]string{"drift", "--reference", reference, "--current", same, "--columns", "agee"}, exitFailed, `no column "agee"; there are age, city`},
		"both are stdin": {[]string{"drift", "--reference", "-", "--current", "-"}, exitUsage, "both"},
	} {
		code, out, errs := call(t, "", c.args...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("%s: exit %d, %q %q; want %d and %q", name, code, out, errs, c.code, c.says)
		}
	}
}

func TestProfileThenDrift(t *testing.T) {
	reference, same, _ := tables(t)
	path := filepath.Join(t.TempDir(), "profile.json")
	if code, _, errs := call(t, "", "profile", "--data", reference, "--output", path); code != exitDone {
		t.Fatal(errs)
	}
	text, err := os.ReadFile(same)
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := call(t, string(text), "drift", "--reference", path, "--current", "-", "--format", "json")
	var d struct {
		Convention string
		Drifted    bool
		Features   []struct {
			Name, Type, Verdict string
			Statistics          map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(out), &d); code != exitDone || err != nil || d.Drifted || d.Convention != "gnomon" || len(d.Features) != 2 || d.Features[0].Statistics["psi"] > .01 {
		t.Errorf("exit %d, %v: %s %s", code, err, out, errs)
	}
	file := filepath.Join(t.TempDir(), "report.html")
	if code, out, errs := call(t, "", "drift", "--reference", reference, "--current", same, "--format", "html", "--output", file); code != exitDone || out != "" {
		t.Error(out, errs)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.HasPrefix(b, []byte("<!doctype html>")) {
		t.Errorf("%v: %.40s", err, b)
	}
}
