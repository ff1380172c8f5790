package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// post sends a body and returns the answer, whatever its status.
func post(t *testing.T, url, kind, body string) string {
	t.Helper()
	resp, err := http.Post(url, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.Status + " " + string(text)
}

// records are predictions of a churn model, every second one of class 1.
func records(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		p := .2 + .6*float64(i%2)
		fmt.Fprintf(&b, `{"id":"c%d","model":"churn","request":{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[%d,%d]}]},"response":{"model_name":"churn","model_version":"3","outputs":[{"name":"p","shape":[1,2],"datatype":"FP32","data":[%.1f,%.1f]}]},"metadata":{"region":"r%d"}}`+"\n",
			i, i%7, i%3, 1-p, p, i%2)
	}
	return b.String()
}

// TestLabelsSurvive: labels come in by every door, the process is killed with
// kill -9, and the counters go on from where they were; a backup is as good.
func TestLabelsSurvive(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	events := free(t)
	config := func(store string) string {
		return fmt.Sprintf(`labels: {store: {path: %q, checkpoint: 2s}, folder: {path: %q, interval: 100ms}}
taps: {cloudevents: {listen: %q}}
models: [{name: churn, output: {classes: [stays, leaves]}, slices: [{header: region}, {when: confidence > 0.9, name: sure}]}]
`, store, in, events)
	}
	s := labelled(t, dir, config(filepath.Join(dir, "store")))
	if got := post(t, s.pages+"/api/v1/records", "application/jsonl", records(0, 100)); !strings.HasPrefix(got, "202") {
		t.Fatal(got)
	}
	s.until(t, "the predictions wait", func() bool { n, _ := s.metric(t, "gnomon_label_predictions_total{"); return n == 100 })
	var lines strings.Builder
	for i := range 60 { // by name and by index; c0 to c9 wrong
		label := fmt.Sprint(i % 2)
		if i < 10 {
			label = fmt.Sprintf("%q", []string{"leaves", "stays"}[i%2])
		}
		fmt.Fprintf(&lines, "{\"id\":\"c%d\",\"label\":%s}\n", i, label)
	}
	if got := post(t, s.pages+"/api/v1/labels", "application/jsonl", lines.String()+"nonsense\n"); !strings.Contains(got, `"accepted":60`) || !strings.Contains(got, `"line":61`) {
		t.Error(got)
	}
	csv := "id,label,annotator,kpi.revenue\n"
	for i := 60; i < 80; i++ {
		csv += fmt.Sprintf("c%d,%d,ann,2.5\nc%d,%d,bob,2.5\n", i, i%2, i, (i/2)%2)
	}
	if err := os.WriteFile(filepath.Join(in, "nightly.csv"), []byte(csv+"c79\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, "http://"+events+"/", map[string]string{"Ce-Specversion": "1.0", "Ce-Id": "f1", "Ce-Type": "io.seldon.serving.feedback", "Ce-Source": "http://localhost/",
		"Ce-Requestid": "c80", "Content-Type": "application/json"}, []byte(`{"truth":{"data":{"ndarray":[0]}}}`))
	matched := func(s *sidecar) float64 {
		n, _ := s.metric(t, `gnomon_labels_total{`, `outcome="matched"`)
		return n
	}
	s.until(t, "all doors are read", func() bool { return matched(s) == 81 })
	s.until(t, "accuracy is known", func() bool {
		v, ok := s.metric(t, "gnomon_accuracy_ratio{")
		return ok && v > .8 && v < 1
	})
	held(t, s, in)
	backup := filepath.Join(dir, "labels.tar")
	if out, err := exec.Command(gnomon(t), "labels", "backup", "--url", s.pages, "--output", backup).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := post(t, s.pages+"/api/v1/labels", "text/csv", "id,label\nc90,1\n"); !strings.Contains(got, `"accepted":1`) {
		t.Error(got)
	}
	kill(s) // at once: what was acknowledged is on the disk
	restored := filepath.Join(dir, "restored")
	if out, err := exec.Command(gnomon(t), "labels", "restore", "--input", backup, "--store", restored).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for store, want := range map[string]float64{filepath.Join(dir, "store"): 82, restored: 81} {
		again := labelled(t, dir, config(store))
		again.until(t, "the counters go on in "+store, func() bool { return matched(again) == want })
		// The last label took longest: what is that old settles a little later.
		again.until(t, "the window is there in "+store, func() bool { v, ok := again.metric(t, "gnomon_accuracy_ratio{"); return ok && v > .8 })
		post(t, again.pages+"/api/v1/labels", "text/csv", "id,label\nc50,0\nc99,1\n")
		again.until(t, "a repeated label is a duplicate, a new one counts", func() bool { return matched(again) == want+1 })
		kill(again)
	}
}

// held holds what was labelled to what is shown of it.
func held(t *testing.T, s *sidecar, in string) {
	t.Helper()
	p := s.model(t, "churn").Performance
	if len(p.Slices) != 2 || p.Slices[0].Metrics["accuracy"].Value == nil {
		t.Errorf("slices: %+v", p.Slices)
	}
	if p.Annotators == nil || p.Annotators.Items != 20 || len(p.Annotators.Pairs) != 1 {
		t.Errorf("annotators: %+v", p.Annotators)
	}
	if m := p.Windows[0].Metrics; m["roc_auc"].Value == nil || m["kpi_revenue"].Value == nil || *m["kpi_revenue"].Value != 2.5 {
		t.Errorf("metrics: %+v", m)
	}
	if p.Store == nil || p.Store.Kind != "disk" || !p.Store.Up || p.Store.Entries != 100 {
		t.Errorf("store: %+v", p.Store)
	}
	s.until(t, "the file is done with", func() bool {
		bad, err := os.ReadFile(filepath.Join(in, "done", "nightly.csv.rejected"))
		return err == nil && bytes.Contains(bad, []byte("line 42"))
	})
	if n, _ := s.metric(t, `gnomon_labels_rejected_total{`); n != 2 {
		t.Errorf("%v labels rejected, want 2", n)
	}
}

// labelled starts a gnomon without a model server.
func labelled(t *testing.T, dir, yaml string) *sidecar {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("gnomon%d.yaml", time.Now().UnixNano()))
	text := fmt.Sprintf("onnxruntime: {library: %q}\nevaluation: {interval: 200ms, tick: 1s}\n%s", library(t), yaml)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	pages := free(t)
	s := &sidecar{pages: "http://" + pages, log: &logged{}}
	s.cmd = exec.Command(gnomon(t), "run", "--web.listen-address", pages, "--config", path)
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(s) })
	s.until(t, "gnomon serves", func() bool {
		resp, err := http.Get(s.pages + "/-/healthy")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return s
}

// kill ends a gnomon with SIGKILL, unless it has ended.
func kill(s *sidecar) {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // killed, as it should
	}
}
