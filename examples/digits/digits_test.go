package digits

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func load(t *testing.T) *Data {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSplitsNeverShareAnImage(t *testing.T) {
	d := load(t)
	if n := len(d.Train) + len(d.Reference) + len(d.Traffic); n != 1797 {
		t.Errorf("%d images, want 1797", n)
	}
	seen := map[[Pixels]float32]string{}
	for name, split := range map[string][]Image{"train": d.Train, "reference": d.Reference, "traffic": d.Traffic} {
		classes := make([]int, Classes)
		for _, img := range split {
			classes[img.Label]++
			if other, ok := seen[img.Pixels]; ok && other != name {
				t.Errorf("an image is in both %s and %s", name, other)
			}
			seen[img.Pixels] = name
		}
		// The data set has 174 to 183 images of a digit: shares of a class may
		// differ by no more within a split that is stratified.
		if least, most := slices.Min(classes), slices.Max(classes); float64(least) < 0.93*float64(most) {
			t.Errorf("%s is not stratified: %v", name, classes)
		}
	}
}

// TestFilesAreTheScripts: every file that train.py wrote is as it wrote it, and
// there is no other.
func TestFilesAreTheScripts(t *testing.T) {
	f, err := os.Open("SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listed := map[string]bool{}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		want, name, _ := strings.Cut(sc.Text(), "  ")
		listed[name] = true
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what SHA256SUMS says; run train.py and commit all that it writes", name)
		}
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"models/*", "data/*.gz", "data/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %v", pattern, names, err)
		}
		for _, name := range names {
			if !listed[filepath.ToSlash(name)] {
				t.Errorf("%s is not in SHA256SUMS", name)
			}
		}
	}
}

func TestModels(t *testing.T) {
	models, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string]string{}
	for _, name := range []string{FP32, Int8, Worse, V1} {
		m := models[name]
		if m.Name != name || m.Version == "" || len(m.ONNX) == 0 || len(m.ONNX) > 300<<10 {
			t.Errorf("%s: name %q, version %q, %d bytes", name, m.Name, m.Version, len(m.ONNX))
		}
		if other, ok := digests[m.Digest]; ok {
			t.Errorf("%s and %s are the same file", name, other)
		}
		digests[m.Digest] = name
	}
}

func TestReferenceCSV(t *testing.T) {
	d := load(t)
	var b bytes.Buffer
	if err := d.ReferenceCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != ReferenceRows+1 || len(rows[0]) != Pixels+1 || rows[0][0] != "p00" || rows[0][Pixels] != LabelColumn {
		t.Fatalf("%d rows, header %v", len(rows), rows[0])
	}
	images, err := d.ReferenceSample()
	if err != nil {
		t.Fatal(err)
	}
	values, labels := Tensor(images)
	for i, row := range rows[1:] {
		for k, s := range row[:Pixels] {
			if v, err := strconv.ParseFloat(s, 32); err != nil || float32(v) != values[i*Pixels+k] {
				t.Fatalf("row %d, pixel %d: %q, %v; want %v", i, k, s, err, values[i*Pixels+k])
			}
		}
		if row[Pixels] != strconv.Itoa(labels[i]) {
			t.Fatalf("row %d: label %q, want %d", i, row[Pixels], labels[i])
		}
	}
}
