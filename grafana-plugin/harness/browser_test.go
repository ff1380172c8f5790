package harness

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	look  = flag.Bool("look", false, "render every dashboard in a Chromium; make plugin-look")
	every = flag.Bool("every", false, "with -look: every width and theme in every phase, instead of each combination once or more")
	serve = flag.String("serve", "", "with -look: serve the stand-in at this address until interrupted")
	pause = flag.Duration("phase", 22*time.Second, "with -look: how long a phase of the demo lasts")
)

// page is something that a browser looks at.
type page struct {
	Name  string `json:"name"`
	URL   string `json:"url"`
	Kind  string `json:"kind"`
	Width int    `json:"width"`
	File  string `json:"file"`
}

// seen is what it saw there.
type seen struct {
	Name   string `json:"name"`
	Panels []struct {
		Title, Type, State, Error, PluginError string
		Rows                                   int
	} `json:"panels"`
	NoData   int             `json:"noData"`
	SaidWhy  []string        `json:"saidWhy"`
	Failed   []string        `json:"failed"`
	Errors   []string        `json:"errors"`
	Text     string          `json:"text"`
	Wide     float64         `json:"wide"`
	Health   map[string]any  `json:"health"`
	Query    map[string]any  `json:"query"`
	Code     map[string]any  `json:"code"`
	Options  json.RawMessage `json:"options"`
	Offered  []string        `json:"offered"`
	Live     []string        `json:"live"`
	Ran      int             `json:"ran"`
	Explains int             `json:"explained"`
}

// browsing is what a look needs, or a reason to skip.
func browsing(t *testing.T) (chromium, browser, bundle string) {
	t.Helper()
	if !*look {
		t.Skip("make plugin-look renders the dashboards")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			chromium = path
			break
		}
	}
	if chromium == "" {
		t.Skip("no Chromium")
	}
	browser = filepath.Join(root(t), "grafana-plugin", "harness", "browser")
	for _, needed := range []string{filepath.Join(browser, "node_modules"), filepath.Join(root(t), "grafana-plugin", "node_modules"), filepath.Join(root(t), "grafana-plugin", "dist", "module.js")} {
		if _, err := os.Stat(needed); err != nil {
			t.Skipf("%v; make plugin-look builds it", err)
		}
	}
	bundle = t.TempDir()
	if out, err := exec.Command("node", filepath.Join(browser, "build.mjs"), bundle).CombinedOutput(); err != nil {
		t.Fatalf("build of the stand-in: %v\n%s", err, out)
	}
	return chromium, browser, bundle
}

// visit looks at pages one after the other.
func visit(t *testing.T, chromium, browser string, pages []page) []seen {
	t.Helper()
	raw, err := json.Marshal(pages)
	if err != nil {
		t.Fatal(err)
	}
	jobs := filepath.Join(t.TempDir(), "jobs.json")
	if err := os.WriteFile(jobs, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", filepath.Join(browser, "look.mjs"), jobs)
	cmd.Env = append(os.Environ(), "CHROMIUM="+chromium)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("look: %v\n%s", err, errs.String())
	}
	var all []seen
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Buffer(nil, 1<<24); lines.Scan(); {
		s := seen{}
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		all = append(all, s)
	}
	if len(all) != len(pages) {
		t.Fatalf("%d of %d pages were seen\n%s", len(all), len(pages), errs.String())
	}
	return all
}

var boards = []string{"gnomon/executive", "gnomon/oncall", "gnomon/debug", "prometheus/executive", "prometheus/oncall", "prometheus/debug"}

// TestBrowser mounts the editors from the built bundle and renders each
// dashboard over each phase of gnomon demo, as a real Prometheus has recorded
// it, wide and on a phone, dark and light. No panel may be without data or
// without the reason for it. Screenshots are kept in artifacts/grafana.
func TestBrowser(t *testing.T) {
	chromium, browser, bundle := browsing(t)
	const story = "healthy,drift,settle,regression,version,recovery"
	st := real(t, story, *pause)
	s := &Source{Host: launched(t), UID: "gnomon", URL: st.Prometheus, JSONData: map[string]any{"gnomon": map[string]any{"discovery": "list", "urls": []string{st.Gnomon}}}, Updated: time.Now()}
	handler, err := s.Handler(st.Prometheus, Files{Dist: filepath.Join(root(t), "grafana-plugin", "dist"), Browser: browser, Bundle: bundle, Dashboards: filepath.Join(root(t), "dashboards")})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	shots := filepath.Join(root(t), "artifacts", "grafana")
	if err := os.MkdirAll(shots, 0o755); err != nil {
		t.Fatal(err)
	}
	scraped(t, st)
	if *serve != "" {
		t.Logf("serves http://%s/?dashboard=gnomon/oncall&from=now-5m&to=now", *serve)
		t.Fatal(http.ListenAndServe(*serve, handler))
	}
	t.Run("editors", func(t *testing.T) {
		checkEditors(t, visit(t, chromium, browser, []page{
			{"editors", server.URL + "/", "editors", 1280, filepath.Join(shots, "editors.png")},
			{"editors, light, phone", server.URL + "/?theme=light", "editors", 390, filepath.Join(shots, "editors-phone.png")},
		}))
	})
	for i, name := range strings.Split(story, ",") {
		t.Run(name, func(t *testing.T) {
			p := ended(t, st, i)
			for _, saw := range visit(t, chromium, browser, pagesOf(server.URL, shots, p, i)) {
				checkDashboard(t, saw)
			}
		})
	}
}

// ended waits for the end of a phase of the demo.
func ended(t *testing.T, st *Stack, i int) Phase {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	var p Phase
	if err := Until(ctx, func() error {
		if phases := st.Phases(); len(phases) > i && !phases[i].To.IsZero() {
			p = phases[i]
			return nil
		}
		return fmt.Errorf("phase %d has not ended", i)
	}); err != nil {
		t.Fatal(err)
	}
	p.From = st.Phases()[0].From
	return p
}

// pagesOf are the dashboards of a phase: all that has happened until its end.
// Without -every each sees one of the combinations of width and theme, another
// one in another phase.
func pagesOf(server, shots string, p Phase, phase int) (out []page) {
	combinations := []struct {
		width int
		theme string
	}{{1280, "dark"}, {390, "light"}, {1280, "light"}, {390, "dark"}}
	for i, board := range boards {
		for j, c := range combinations {
			if !*every && (i+phase)%len(combinations) != j && !(j == 0 && strings.HasPrefix(board, "gnomon/") && p.Name == "drift") {
				continue
			}
			name := fmt.Sprintf("%s-%s-%d-%s", p.Name, strings.ReplaceAll(board, "/", "-"), c.width, c.theme)
			address := fmt.Sprintf("%s/?dashboard=%s&theme=%s&from=%s&to=%s", server, board, c.theme, p.From.UTC().Format(time.RFC3339), p.To.UTC().Format(time.RFC3339))
			out = append(out, page{name, address, "dashboard", c.width, filepath.Join(shots, name+".png")})
		}
	}
	return out
}

func checkDashboard(t *testing.T, s seen) {
	t.Helper()
	if len(s.Panels) < 10 {
		t.Errorf("%s: only %d panels: %v", s.Name, len(s.Panels), s.Errors)
	}
	if s.NoData > 0 {
		t.Errorf("%s: %d panels without data and without a reason", s.Name, s.NoData)
	}
	if s.Wide > 1281 || strings.Contains(s.Name, "-390-") && s.Wide > 391 {
		t.Errorf("%s is %v wide", s.Name, s.Wide)
	}
	for _, p := range s.Panels {
		if p.State != "Done" || p.Error != "" || p.PluginError != "" {
			t.Errorf("%s: %s panel %q: %s %s %s", s.Name, p.Type, p.Title, p.State, p.Error, p.PluginError)
		}
		if strings.Contains(p.Title, "$") {
			t.Errorf("%s: the title %q holds a variable", s.Name, p.Title)
		}
	}
	if len(s.SaidWhy) > 0 {
		t.Logf("%s: empty with a reason: %q", s.Name, s.SaidWhy)
	}
	for _, e := range append(s.Errors, s.Failed...) {
		t.Errorf("%s: %s", s.Name, e)
	}
}

func checkEditors(t *testing.T, all []seen) {
	t.Helper()
	for _, s := range all {
		for _, e := range s.Errors {
			t.Errorf("%s: %s", s.Name, e)
		}
		if s.Health["status"] != "success" || !strings.Contains(fmt.Sprint(s.Health["message"]), "Models: digits") {
			t.Errorf("%s: health %v", s.Name, s.Health)
		}
		if s.Query["queryType"] != "distribution" || fmt.Sprint(s.Query["model"]) != "[digits]" || fmt.Sprint(s.Query["reference"]) != "map[kind:before_change]" || s.Explains != 1 {
			t.Errorf("%s: query %v, explained %d times", s.Name, s.Query, s.Explains)
		}
		if s.Code["mode"] != "code" || s.Code["selector"] != `{model="digits"}` || s.Ran == 0 {
			t.Errorf("%s: code %v, ran %d times", s.Name, s.Code, s.Ran)
		}
		var o struct {
			JSONData       struct{ Gnomon map[string]any }
			SecureJSONData map[string]string
		}
		if err := json.Unmarshal(s.Options, &o); err != nil || o.JSONData.Gnomon["srv"] != "_http._tcp.gnomon.example" || o.SecureJSONData["gnomonBearerToken"] != "s3cret" {
			t.Errorf("%s: options %s, %v", s.Name, s.Options, err)
		}
		if !slices.Contains(s.Offered, "digits") || !slices.Contains(s.Live, "requests") {
			t.Errorf("%s: models offered %q, live fields %q", s.Name, s.Offered, s.Live)
		}
	}
}
