package alerts

import (
	"testing"

	"github.com/gnomon-dev/gnomon/alerts/spec"
)

func mustLoad(t testing.TB, path string) *spec.File {
	t.Helper()
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
