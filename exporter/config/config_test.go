package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestInvalid: one file a rule. The first line of each names what its error
// must contain; the line number it gives counts from the second line.
func TestInvalid(t *testing.T) {
	files, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil || len(files) < 30 {
		t.Fatalf("files: %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, body, _ := strings.Cut(string(data), "\n")
			want := strings.TrimPrefix(first, "# want: ")
			_, err = Parse(file, []byte(body))
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("error %q does not contain %q", err, want)
			}
			if !strings.HasPrefix(err.Error(), file+":") || !strings.Contains(err.Error(), "; fix: ") {
				t.Errorf("error %q lacks the file or the fix", err)
			}
		})
	}
}

func TestValid(t *testing.T) {
	cfg, err := Load("testdata/valid/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(cfg.Labels.TTL); got != 7*24*time.Hour {
		t.Errorf("labels.ttl = %v", got)
	}
	if cfg.Queue.MaxBytes != 64<<20 || cfg.Queue.BodyLimit != 1<<20 {
		t.Errorf("queue = %+v", cfg.Queue)
	}
	m := cfg.Models[0]
	if want := filepath.Join("testdata", "valid", "train.csv"); m.Reference.File != want {
		t.Errorf("reference.file = %q, want %q", m.Reference.File, want)
	}
	if s := m.Shadows[0]; s.Role != "twin" || s.Name != "twin" || s.MaxBatch != 64 || s.Sessions != 1 || !reflect.DeepEqual(s.Providers, []Provider{{Name: "cpu"}}) || s.ProviderPolicy != "require" {
		t.Errorf("defaults of a shadow: %+v", s)
	}
	for _, file := range []string{"empty-but-upstream", "machine"} {
		if _, err := Load("testdata/valid/" + file + ".yaml"); err != nil {
			t.Error(err)
		}
	}
	if _, err := Load("testdata/valid/taps.yaml"); err != nil {
		t.Error(err)
	}
}

func TestMissingFileNamesIt(t *testing.T) {
	_, err := Load("testdata/absent.yaml")
	if err == nil || !strings.Contains(err.Error(), "absent.yaml") {
		t.Errorf("error %v", err)
	}
}

// TestEveryFaultIsReported: a user mends all faults in one go.
func TestEveryFaultIsReported(t *testing.T) {
	_, err := Parse("g.yaml", []byte("upstream: ftp://x\nsampling: {rate: 2}\nevaluation: {window: 1}\n"))
	if err == nil || strings.Count(err.Error(), "; fix: ") != 3 {
		t.Errorf("want three faults, got: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.yaml")
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("upstream: http:/\r\r\r\r\rmodels: [{name: m, retrain: {features: -1}}]\n"))
	line := regexp.MustCompile(`^fuzz\.yaml:(\d+): `)
	breaks := regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]") // YAML's, not only the newline
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Parse("fuzz.yaml", data)
		if err == nil {
			return
		}
		if m := line.FindStringSubmatch(err.Error()); m != nil {
			if n, _ := strconv.Atoi(m[1]); n > len(breaks.FindAllIndex(data, -1))+2 {
				t.Errorf("line %d is beyond the file", n)
			}
		}
	})
}
