package main

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestForgotten: a person's record is deleted, and its id is nowhere: neither
// in the API, nor among the worst, nor in a file of the label store.
func TestForgotten(t *testing.T) {
	const id = "9f2c7b1e5a6d4038"
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	s := labelled(t, dir, fmt.Sprintf("labels: {store: {path: %q, checkpoint: 1s}}\ntaps: {cloudevents: {listen: %q}}\nmodels: [{name: churn, output: {classes: [stays, leaves]}}]\n", store, free(t)))
	body := records(0, 50) + strings.ReplaceAll(strings.ReplaceAll(records(51, 52), `"c51"`, `"`+id+`"`), "0.8", "0.99")
	if got := post(t, s.pages+"/api/v1/records", "application/jsonl", body); !strings.HasPrefix(got, "202") {
		t.Fatal(got)
	}
	s.until(t, "all wait", func() bool { n, _ := s.metric(t, "gnomon_label_store_entries"); return n == 51 })
	votes := `{"id":"` + id + `","labels":[{"annotator":"ann","label":"stays"},{"annotator":"bob","label":"stays"}]}` + "\n" + `{"id":"` + id + `#7","label":"leaves"}`
	if got := post(t, s.pages+"/api/v1/labels", "application/jsonl", votes); !strings.HasPrefix(got, "200") {
		t.Fatal(got)
	}
	worst := func() string { return fetch(t, s.pages+"/api/v1/models/churn/worst") }
	s.until(t, "it is one of the worst", func() bool { return strings.Contains(worst(), id) })
	if len(filesHolding(t, store, id)) == 0 {
		t.Fatal("the test looks in the wrong place")
	}
	request, err := http.NewRequest(http.MethodDelete, s.pages+"/api/v1/records/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	// The prediction, the label that waits for its row, and a worst record for
	// being wrong; others for low confidence may have been worse.
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || strings.Contains(string(answer), `"removed":0`) {
		t.Fatalf("%s: %s", resp.Status, answer)
	}
	for _, path := range []string{"/api/v1/models/churn/worst", "/api/v1/status", "/api/v1/models/churn", "/api/v1/events", "/metrics"} {
		if strings.Contains(fetch(t, s.pages+path), id) {
			t.Errorf("%s names it", path)
		}
	}
	s.until(t, "no file of the store holds it", func() bool { return len(filesHolding(t, store, id)) == 0 })
	if got := post(t, s.pages+"/api/v1/labels", "application/json", `{"id":"c3","label":"leaves"}`); !strings.HasPrefix(got, "200") {
		t.Fatal(got)
	}
	s.until(t, "the others' labels match as ever, and nothing counted was lost", func() bool {
		n, _ := s.metric(t, "gnomon_labels_total{", `outcome="matched"`)
		return n == 2
	})
	if strings.Contains(s.log.String(), id) {
		t.Error("its log names it")
	}
}

// filesHolding are the files below a folder that hold a text.
func filesHolding(t *testing.T, folder, text string) (out []string) {
	t.Helper()
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // deleted meanwhile
		}
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), text) {
			out = append(out, path)
		}
		return nil
	})
	return out
}
