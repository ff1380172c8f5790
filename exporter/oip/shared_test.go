package oip

import (
	"os"
	"path/filepath"
	"testing"
)

// sharedData is the folder of test data beside the repository; tests that
// need it skip where it is absent.
func sharedData(t testing.TB, elem ...string) string {
	t.Helper()
	root := os.Getenv("GNOMON_SHARED_DATA")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			if dir == filepath.Dir(dir) {
				t.Skip("no go.mod above the working directory")
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("shared test data absent: %v", filepath.Join(elem...))
	}
	return path
}
