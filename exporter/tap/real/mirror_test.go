package real

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/mirror"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

// mirrored sends requests to a proxy that mirrors, and wants each to arrive
// whole at the receiver while the primary's answers pass.
func mirrored(t *testing.T, configure func(t *testing.T, primary, mirror, port string) (cmd *exec.Cmd)) {
	t.Helper()
	primary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "primary saw %d", len(body))
	}))
	defer primary.Close()
	q := queue.New(64 << 20)
	receiver := httptest.NewServer(mirror.New(mirror.Settings{
		Sampler: taptest.All{}, Observer: taptest.NewJournal(), Budget: q.Budget(), KeyHeader: "X-Request-Id",
		Emit: func(c *record.Capture) {
			if !q.Push(c) {
				t.Error("queue full")
			}
		},
	}))
	defer receiver.Close()
	port := freePort(t)
	address := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	serve(t, configure(t, address(primary), address(receiver), port), "http://127.0.0.1:"+port+"/v2/health/ready")
	for _, n := range []int{100, 15_600, 600_000, 2_350_000} {
		body := fmt.Sprintf(`{"id":"m-%d","pad":%q}`, n, strings.Repeat("x", n))
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:"+port+"/v2/models/m/infer", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if want := fmt.Sprintf("primary saw %d", len(body)); string(text) != want {
			t.Errorf("answer %q, want %q", text, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		c, err := q.Pop(ctx)
		cancel()
		if err != nil {
			t.Fatalf("%d bytes did not arrive: %v", n, err)
		}
		if string(c.Request.Bytes) != body || c.Model != "m" || c.ID != fmt.Sprint("m-", n) {
			t.Errorf("%d bytes: %d arrived, of %q, id %q", n, len(c.Request.Bytes), c.Model, c.ID)
		}
		c.Release()
	}
}

func TestNginxMirror(t *testing.T) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("SKIP: nginx is not installed")
	}
	mirrored(t, func(t *testing.T, primary, mirror, port string) *exec.Cmd {
		dir := t.TempDir()
		temp := ""
		for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			temp += name + "_temp_path " + filepath.Join(dir, name) + ";\n"
		}
		file := filepath.Join(dir, "nginx.conf")
		text := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log; worker_processes 1;
events { worker_connections 64; }
http { access_log off; client_max_body_size 64m; client_body_buffer_size 8m; %[2]s
  server { listen 127.0.0.1:%[3]s;
    location / { mirror /__mirror; proxy_pass http://%[4]s; }
    location = /__mirror { internal; proxy_pass http://%[5]s$request_uri; }
  }
}`, dir, temp, port, primary, mirror)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(path, "-p", dir, "-c", file)
	})
}

func TestEnvoyMirror(t *testing.T) {
	found, _ := filepath.Glob(filepath.Join(root(t), ".cache", "real", "envoy", "lib", "python3*", "site-packages", "envoy", "_bin", "envoy"))
	if len(found) == 0 {
		t.Skip("SKIP: envoy is not installed; exporter/tap/real/install.sh does that")
	}
	mirrored(t, func(t *testing.T, primary, mirror, port string) *exec.Cmd {
		text, err := os.ReadFile("testdata/envoy.yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, primaryPort, _ := strings.Cut(primary, ":")
		_, mirrorPort, _ := strings.Cut(mirror, ":")
		file := filepath.Join(t.TempDir(), "envoy.yaml")
		filled := strings.NewReplacer("LISTEN_PORT", port, "PRIMARY_PORT", primaryPort, "MIRROR_PORT", mirrorPort).Replace(string(text))
		if err := os.WriteFile(file, []byte(filled), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(found[0], "-c", file, "--concurrency", "1", "--base-id", port)
	})
}
