package tapbench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// process is a proxy under test, or the upstream.
type process struct {
	name string
	addr string
	cmd  *exec.Cmd
}

// self starts this test binary again in a role; see TestMain.
func self(b *testing.B, role, upstream string, env ...string) *process {
	b.Helper()
	addr := freeAddr(b)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "TAPBENCH_ROLE="+role, "TAPBENCH_LISTEN="+addr, "TAPBENCH_UPSTREAM="+upstream)...)
	return launch(b, role, addr, cmd)
}

func launch(b *testing.B, name, addr string, cmd *exec.Cmd) *process {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	p := &process{name, addr, cmd}
	b.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		gone := make(chan struct{})
		go func() { _ = cmd.Wait(); close(gone) }()
		select {
		case <-gone:
		case <-time.After(2 * time.Second):
			for _, pid := range p.pids() {
				if q, err := os.FindProcess(pid); err == nil {
					_ = q.Kill()
				}
			}
			<-gone
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return p
		}
		if time.Now().After(deadline) {
			b.Fatalf("%s does not listen: %s", name, out.String())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func freeAddr(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// pids is the process and its children.
func (p *process) pids() []int {
	pid := p.cmd.Process.Pid
	out := []int{pid}
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(children)) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, n)
		}
	}
	return out
}

// cpu is the processor time that all of them have used.
func (p *process) cpu() time.Duration {
	var total time.Duration
	for _, pid := range p.pids() {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		// The name may hold spaces: count from the last parenthesis.
		f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		total += time.Duration(user+system) * 10 * time.Millisecond
	}
	return total
}

// rss is the resident memory in MiB.
func (p *process) rss() float64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS:") {
			n, _ := strconv.Atoi(strings.Fields(line)[1])
			return float64(n) / 1024
		}
	}
	return 0
}

func nginx(b *testing.B, upstream string, mirror bool) *process {
	b.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		return nil
	}
	dir, addr := b.TempDir(), freeAddr(b)
	name, extra, location := "nginx", "", ""
	if mirror {
		name, extra = "nginx + mirror", "mirror /__mirror;"
		location = "location = /__mirror { internal; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_pass http://u$request_uri; }"
	}
	temp := ""
	for _, t := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += t + "_temp_path " + filepath.Join(dir, t) + ";\n"
	}
	conf := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log; worker_processes 1;
events { worker_connections 512; }
http { access_log off; client_max_body_size 64m; client_body_buffer_size 1m; keepalive_requests 100000000; %[2]s
  upstream u { server %[3]s; keepalive 64; keepalive_requests 100000000; }
  server { listen %[4]s; location / { %[5]s proxy_http_version 1.1; proxy_set_header Connection ""; proxy_pass http://u; } %[6]s }
}`, dir, temp, upstream, addr, extra, location)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	return launch(b, name, addr, exec.Command(path, "-p", dir, "-c", file))
}

func haproxy(b *testing.B, upstream string) *process {
	b.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		return nil
	}
	dir, addr := b.TempDir(), freeAddr(b)
	conf := fmt.Sprintf(`global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
listen l
  bind %s
  server u %s
`, addr, upstream)
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	return launch(b, "HAProxy", addr, exec.Command(path, "-f", file))
}
