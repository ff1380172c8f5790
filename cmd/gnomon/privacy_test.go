package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/table"
)

// everything is all that a gnomon shows and keeps: metrics, API, page, its
// log, and every file below a folder, Parquet decoded.
func (s *sidecar) everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{"its log": s.log.String()}
	for _, path := range []string{"/metrics", "/", "/api/v1/status", "/api/v1/models", "/api/v1/models/people", "/api/v1/models/people/history", "/api/v1/models/people/features/email", "/api/v1/models/people/features/comment", "/api/v1/events"} {
		out[path] = fetch(t, s.pages+path)
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out[path] = string(b)
		fields, metadata, err := table.ReadColumns(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return err
		}
		out[path+" decoded"] = readable(fields, metadata)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNothingRedactedGetsOut: values that a rule redacts or a pattern finds
// reach neither disk, log, metric, page nor API, wherever in a record they are.
func TestNothingRedactedGetsOut(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("c0ffee00c0ffee00c0ffee00c0ffee00"), 0o600); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "log")
	s := configured(t, "http://127.0.0.1:9", fmt.Sprintf(`discover: {provisional_records: 200}
inference_log:
  directory: %q
  rotate_every: 1s
  hash_key_file: %q
  patterns: [{name: staff, regexp: 'ST-\d{4}'}]
  fields:
    - {name: email, redact: hash}
    - {name: iban, redact: mask, last: 4}
    - {name: note, redact: drop}
    - {name: income, redact: bucket, width: 1000}
    - {name: comment}
    - {name: label}
    - {name: cohort}
    - {name: metadata.agent}
    - {name: tensor.comment}
`, kept, key))
	secrets := []string{"jane.doe@secret.example", "DE8937040044", "TopSecretNote", "4111 1111 1111 1111", "+49 30 1234567", "ST-0042", "31337.25", "label@secret.example", "agent@secret.example", "never allowed"}
	var lines bytes.Buffer
	for i := range 400 {
		fmt.Fprintf(&lines, `{"id":"jane.doe@secret.example/%d","model":"people","label":"label@secret.example","metadata":{"agent":"agent@secret.example","other":"never allowed"},"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","request":{"inputs":[`+
			`{"name":"email","shape":[1,1],"datatype":"BYTES","data":["jane.doe@secret.example"]},{"name":"iban","shape":[1,1],"datatype":"BYTES","data":["DE89370400440532013000"]},`+
			`{"name":"note","shape":[1,1],"datatype":"BYTES","data":["TopSecretNote"]},{"name":"income","shape":[1,1],"datatype":"FP64","data":[31337.25]},`+
			`{"name":"comment","shape":[1,1],"datatype":"BYTES","data":["pay 4111 1111 1111 1111, call +49 30 1234567, ask ST-0042 or jane.doe@secret.example"]}]},`+
			`"response":{"model_name":"people","outputs":[{"name":"p","shape":[1,2],"datatype":"FP64","data":[0.25,0.75]}]}}`+"\n", i)
	}
	post := func(path, body string) {
		t.Helper()
		response, err := http.Post(s.pages+path, "application/json", strings.NewReader(body))
		if err != nil || response.StatusCode >= 300 {
			t.Fatal(err, response)
		}
		response.Body.Close()
	}
	post("/api/v1/records", lines.String())
	post("/api/v1/labels", `{"id":"jane.doe@secret.example/7","model":"people","label":"label@secret.example"}`)
	s.until(t, "the rows are written", func() bool {
		n, _ := s.metric(t, "gnomon_inference_log_records_total{", `outcome="written"`)
		return n >= 400
	})
	s.until(t, "the reference is learned", func() bool { return s.model(t, "people").Reference.Digest != "" })
	all := s.everything(t, kept)
	for where, text := range all {
		for _, secret := range secrets {
			// Numbers are told as distributions: a bin's edge is a figure of the
			// reference. In the log the number itself must not be.
			if secret == "31337.25" && !strings.HasPrefix(where, kept) {
				continue
			}
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s holds %q: ...%q...", where, secret, text[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
	// The test looks in the right places: what is left of the values is there.
	for _, want := range []string{"[card]", "[phone]", "[staff]", "[email]", "******************3000", "31000"} {
		if !slices.ContainsFunc(mapsValues(all), func(text string) bool { return strings.Contains(text, want) }) {
			t.Errorf("%q is nowhere", want)
		}
	}
	request, _ := http.NewRequest(http.MethodDelete, s.pages+"/api/v1/records/jane.doe@secret.example%2F7", nil)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer bytes.Buffer
	_, _ = answer.ReadFrom(response.Body)
	if !strings.Contains(answer.String(), `"removed":`) || strings.Contains(answer.String(), `"removed":0`) {
		t.Errorf("deletion: %s", answer.String())
	}
}

func mapsValues(m map[string]string) (out []string) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// readable is a file's contents as text, bytes as the texts that they are.
func readable(fields []table.Field, metadata map[string]string) string {
	var b strings.Builder
	fmt.Fprintln(&b, metadata)
	for _, f := range fields {
		fmt.Fprint(&b, f.Name, ":")
		for _, v := range f.Values {
			if list, ok := v.([][]byte); ok {
				fmt.Fprintf(&b, " %s", list)
				continue
			}
			fmt.Fprint(&b, " ", v)
		}
		fmt.Fprintln(&b)
	}
	return b.String()
}
