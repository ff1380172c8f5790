package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/card"
	"github.com/gnomon-dev/gnomon/exporter/demo"
)

// TestCard: the card of a real model, with labels, in both formats.
func TestCard(t *testing.T) {
	server := primary(t)
	dir, model, reference, data := digitsFiles(t)
	models := fmt.Sprintf("models:\n  - name: %s\n    card: {owner: Post office, intended_use: \"reading | sorting codes\"}\n    reference: {file: %q, label: digit}\n    shadows:\n      - {model: %q}\n", demo.ModelName, reference, model)
	s := configured(t, server.URL, models)
	s.until(t, "the reference is in place", func() bool { return s.model(t, demo.ModelName).Reference.Digest != "" })
	s.images(t, 300)
	var labels strings.Builder
	for i := range 300 {
		fmt.Fprintf(&labels, "{\"id\": \"%d\", \"label\": \"%d\"}\n", i, data.Traffic[i%len(data.Traffic)].Label)
	}
	resp, err := http.Post(s.pages+"/api/v1/labels", "application/json", strings.NewReader(labels.String()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.until(t, "accuracy is known", func() bool {
		p := s.model(t, demo.ModelName).Performance
		return p != nil && p.Accuracy != nil
	})
	file := filepath.Join(dir, "gnomon.yaml")
	if err := os.WriteFile(file, []byte("upstream: http://127.0.0.1:1\n"+models), 0o600); err != nil {
		t.Fatal(err)
	}
	out := say(t, "card", "--url", s.pages, "--config", file)
	for _, want := range []string{"# Model card: digits", "| Owner | Post office |", "reading \\| sorting codes", digestOf(digitsModel(t, digits.FP32)), "454 rows", "accuracy | 0.9", "| Brier score |", "What the files say of themselves", "| twin | gnomon examples/digits | "} {
		if !strings.Contains(out, want) {
			t.Errorf("the card lacks %q:\n%s", want, out)
		}
	}
	var c card.Card
	if err := json.Unmarshal([]byte(say(t, "card", "--url", s.pages, "--model", demo.ModelName, "--format", "json")), &c); err != nil || c.Name != demo.ModelName || len(c.Performance) == 0 || c.Owner.Owner != "" {
		t.Errorf("%+v, %v", c, err)
	}
	var stderr bytes.Buffer
	if code := run(context.Background(), []string{"card", "--url", s.pages, "--model", "nobody"}, streams{nil, &stderr, &stderr}); code != exitFailed || !strings.Contains(stderr.String(), "is not watched; there are [digits") {
		t.Errorf("exit %d: %s", code, stderr.String())
	}
}

// say runs a command and returns what it prints.
func say(t *testing.T, args ...string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	if code := run(context.Background(), args, streams{strings.NewReader(""), &out, &stderr}); code != exitDone {
		t.Fatalf("%v: exit %d: %s", args, code, stderr.String())
	}
	return out.String()
}
