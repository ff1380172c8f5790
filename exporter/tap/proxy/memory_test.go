package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

const (
	floodUpstream = "GNOMON_TEST_FLOOD_UPSTREAM"
	floodBudget   = 32 << 20
)

// serveFlood is the process under test: a proxy that samples everything and
// whose queue nobody empties. It ends with its standard input.
func serveFlood(upstream string) error {
	u, err := url.Parse(upstream)
	if err != nil {
		return err
	}
	debug.SetGCPercent(queue.GCPercent)
	debug.SetMemoryLimit(floodBudget + queue.Fixed)
	q := queue.New(floodBudget)
	p, err := New(Settings{
		Upstream: u, Sampler: taptest.All{}, Observer: taptest.NewJournal(), Budget: q.Budget(),
		Emit: func(c *record.Capture) {
			if !q.Push(c) {
				c.Release()
			}
		},
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	server := Server(p, slog.New(slog.DiscardHandler))
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		server.Close()
	}()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// TestMemoryBound floods a proxy with tensors of 600 KB at full speed while
// nothing takes them from the queue: its memory stays within the budget and a
// fixed part, and every answer arrives.
func TestMemoryBound(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer upstream.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), floodUpstream+"="+upstream.URL)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	sent := flood(t, "http://"+strings.TrimSpace(addr), 32, 3*time.Second)
	peak := peakMemory(t, cmd.Process.Pid)
	t.Logf("%d requests of 602 KB, budget %d MiB, peak resident %d MiB", sent, floodBudget>>20, peak>>20)
	if raceEnabled {
		t.Skip("the race detector's memory is not the proxy's")
	}
	if limit := int64(floodBudget + 32<<20); peak > limit {
		t.Errorf("peak %d MiB, want at most the budget and 32 MiB: %d MiB", peak>>20, limit>>20)
	}
}

func flood(t *testing.T, base string, clients int, length time.Duration) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	body := strings.Repeat("t", 602_000)
	var sent atomic.Int64
	var wg sync.WaitGroup
	end := time.Now().Add(length)
	for range clients {
		wg.Go(func() {
			for time.Now().Before(end) {
				request, _ := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v2/models/m/infer", strings.NewReader(body))
				response, err := client.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode != 200 {
					t.Errorf("status %d", response.StatusCode)
				}
				sent.Add(1)
			}
		})
	}
	wg.Wait()
	return sent.Load()
}

func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Skip("no peak in /proc")
	return 0
}
