package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Stack is gnomon demo and a Prometheus that scrapes it every second, with
// gnomon's recording rules at demo speed.
type Stack struct {
	Prometheus, Gnomon string // addresses, http://host:port

	mu     sync.Mutex
	phases []Phase
	stop   []func()
}

// Phase is a part of the demo's story and when it was played. To is zero while
// it lasts.
type Phase struct {
	Name     string
	From, To time.Time
	Says     string // what gnomon said at its end
}

// Settings says what a stack is made of.
type Settings struct {
	Gnomon, PrometheusBinary string // binaries
	Root                     string // of the repository
	Dir                      string // for data and configuration
	Phases                   string // of the demo; all where empty
	Duration                 time.Duration
	Log                      io.Writer
}

const scrape = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: gnomon
    static_configs: [{targets: [%q], labels: {cluster: eu, namespace: models}}]
`

// Up brings the stack up and waits until both parts answer.
func Up(ctx context.Context, s Settings) (*Stack, error) {
	st := &Stack{}
	front, pages, prometheus, err := threeAddresses()
	if err != nil {
		return nil, err
	}
	st.Gnomon, st.Prometheus = "http://"+pages, "http://"+prometheus
	args := []string{"demo", "--phase-duration", s.Duration.String(), "--listen", front, "--web.listen-address", pages}
	if s.Phases != "" {
		args = append(args, "--phases", s.Phases)
	}
	if out, err := exec.CommandContext(ctx, s.Gnomon, "rules", "generate", "--compress", "120", "--output", s.Dir).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gnomon rules generate: %w: %s", err, out)
	}
	config := filepath.Join(s.Dir, "prometheus.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, scrape, pages), 0o600); err != nil {
		return nil, err
	}
	demo := exec.Command(s.Gnomon, args...)
	out, err := demo.StdoutPipe()
	if err != nil {
		return nil, err
	}
	demo.Dir, demo.Stderr = s.Root, s.Log // ONNX Runtime is found from there
	if err := st.start(demo); err != nil {
		return nil, err
	}
	go st.read(out, s.Log)
	server := exec.Command(s.PrometheusBinary, "--config.file", config, "--storage.tsdb.path", filepath.Join(s.Dir, "data"), "--web.listen-address", prometheus, "--enable-feature=exemplar-storage", "--log.level", "error")
	server.Stderr = s.Log
	if err := st.start(server); err != nil {
		st.Close()
		return nil, err
	}
	for _, address := range []string{st.Gnomon + "/-/ready", st.Prometheus + "/-/ready"} {
		if err := Until(ctx, func() error { return ok(ctx, address) }); err != nil {
			st.Close()
			return nil, err
		}
	}
	return st, nil
}

func (st *Stack) start(cmd *exec.Cmd) error {
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	st.stop = append(st.stop, func() {
		_ = cmd.Process.Signal(os.Interrupt)
		ended := make(chan struct{})
		go func() { _ = cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(15 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	return nil
}

// Close ends both parts.
func (st *Stack) Close() {
	for _, stop := range st.stop {
		stop()
	}
}

// read notes the phases that the demo announces.
func (st *Stack) read(out io.Reader, log io.Writer) {
	for lines := bufio.NewScanner(out); lines.Scan(); {
		line := lines.Text()
		fmt.Fprintln(log, line)
		st.mu.Lock()
		if _, words, ok := strings.Cut(line, "gnomon says: "); ok && len(st.phases) > 0 {
			last := &st.phases[len(st.phases)-1]
			last.Says, last.To = words, time.Now()
		} else if f := strings.Fields(line); len(f) > 1 && strings.Count(f[0], ":") == 2 {
			st.phases = append(st.phases, Phase{Name: f[1], From: time.Now()})
		}
		st.mu.Unlock()
	}
}

// Phases are those that were played, the last may still last.
func (st *Stack) Phases() []Phase {
	st.mu.Lock()
	defer st.mu.Unlock()
	return append([]Phase{}, st.phases...)
}

// Value evaluates an expression that gives one number; an error where it gives
// none.
func (st *Stack) Value(ctx context.Context, expr string) (float64, error) {
	body, err := get(ctx, st.Prometheus+"/api/v1/query?query="+url.QueryEscape(expr))
	if err != nil {
		return 0, err
	}
	var a struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return 0, err
	}
	if len(a.Data.Result) == 0 {
		return 0, fmt.Errorf("%s gives nothing", expr)
	}
	v := 0.
	_, err = fmt.Sscan(fmt.Sprint(a.Data.Result[0].Value[1]), &v)
	return v, err
}

// Until tries until there is no error, or the context ends.
func Until(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func ok(ctx context.Context, address string) error {
	_, err := get(ctx, address)
	return err
}

func get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", address, resp.Status, body)
	}
	return body, err
}

// threeAddresses are free ports of this machine.
func threeAddresses() (a, b, c string, err error) {
	var found [3]string
	for i := range found {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", "", "", err
		}
		defer l.Close()
		found[i] = l.Addr().String()
	}
	return found[0], found[1], found[2], nil
}
