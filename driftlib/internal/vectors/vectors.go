// Package vectors reads the shared expected values of detection.json and
// statistics.json for tests, which skip where the files are not there.
package vectors

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// Vector is one expected value with its inputs, of an independent
// implementation.
type Vector struct {
	Name                        string
	Inputs, Expected, Tolerance json.RawMessage
}

// All are the vectors of a file, by name. It looks for the folder upwards from
// the working directory, that of the package under test.
func All(t testing.TB, file string) map[string]Vector {
	t.Helper()
	var data []byte
	var err error
	for _, up := range []string{"..", "../..", "../../..", "../../../.."} {
		if data, err = os.ReadFile(filepath.Join(up, "shared", "data", "vectors", file)); err == nil {
			break
		}
	}
	if err != nil {
		t.Skip("the shared vectors are not here: ", err)
	}
	var list []Vector
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]Vector{}
	for _, v := range list {
		out[v.Name] = v
	}
	return out
}

// Read decodes one vector.
func Read(t testing.TB, file, name string, inputs, expected any) {
	t.Helper()
	v, ok := All(t, file)[name]
	if !ok {
		t.Fatalf("no vector %q in %s", name, file)
	}
	for raw, to := range map[*json.RawMessage]any{&v.Inputs: inputs, &v.Expected: expected} {
		if err := json.Unmarshal(*raw, to); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// Near fails where got is further from want than tolerance * (1 + |want|).
func Near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*(1+math.Abs(want))) {
		t.Errorf("%s is %.17g, want %.17g", what, got, want)
	}
}
