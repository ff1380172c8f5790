package tapbench

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// clients is how many connections the closed loop keeps busy.
const clients = 16

func request(n int, id string) []byte {
	head := fmt.Sprintf("POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n", id, n)
	return append([]byte(head), bytes.Repeat([]byte("1"), n)...)
}

// closedLoop sends total requests of n bytes over the clients' connections,
// each as soon as the last was answered.
func closedLoop(b *testing.B, addr string, n, total int) {
	b.Helper()
	var wg sync.WaitGroup
	for k := range clients {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			text := request(n, "0000000000")
			id := bytes.Index(text, []byte("0000000000"))
			for i := range total / clients {
				copy(text[id:id+10], fmt.Sprintf("%010d", k*1_000_000+i))
				if _, err := c.Write(text); err != nil {
					b.Error(err)
					return
				}
				if err := discardMessage(r); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// measure is the processor milliseconds a thousand requests, the median of
// interleaved rounds.
func measure(b *testing.B, rows []*process, n, total, rounds int) map[string]float64 {
	b.Helper()
	samples := map[string][]float64{}
	for _, p := range rows {
		closedLoop(b, p.addr, n, total/4) // warm
	}
	for range rounds {
		for _, p := range rows {
			before := p.cpu()
			closedLoop(b, p.addr, n, total)
			samples[p.name] = append(samples[p.name], float64((p.cpu()-before).Microseconds())/float64(total))
		}
	}
	out := map[string]float64{}
	for name, s := range samples {
		slices.Sort(s)
		out[name] = s[len(s)/2]
	}
	return out
}

func compact(rows ...*process) []*process {
	return slices.DeleteFunc(rows, func(p *process) bool { return p == nil })
}

func rated(b *testing.B, role, upstream, rate string) *process {
	p := self(b, role, upstream, "TAPBENCH_RATE="+rate)
	p.name = role + " " + rate
	return p
}

func report(b *testing.B, n int, got map[string]float64, rows []*process, of ...string) {
	b.Helper()
	text := fmt.Sprintf("%d bytes, CPU ms per 1,000 requests:", n)
	for _, p := range rows {
		text += fmt.Sprintf(" %s %.1f ·", p.name, got[p.name])
	}
	b.Log(text)
	for i := 0; i+2 < len(of); i += 3 {
		if got[of[i+1]] > 0 {
			b.ReportMetric(got[of[i]]/got[of[i+1]], of[i+2])
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkCPU is bars P1 and P2.
func BenchmarkCPU(b *testing.B) {
	up := self(b, "upstream", "")
	for _, c := range []struct{ n, total int }{{314, 16000}, {15_600, 8000}, {602_000, 600}} {
		b.Run(strconv.Itoa(c.n), func(b *testing.B) {
			rows := compact(haproxy(b, up.addr), nginx(b, up.addr, false), nginx(b, up.addr, true), self(b, "ReverseProxy", up.addr),
				rated(b, "tap over ReverseProxy", up.addr, "0.1"), rated(b, "tap", up.addr, "0.01"), rated(b, "tap", up.addr, "0.1"), rated(b, "tap", up.addr, "1"))
			for b.Loop() {
				got := measure(b, rows, c.n, c.total, 5)
				report(b, c.n, got, rows,
					"tap 0.1", "nginx + mirror", "x_nginx+mirror", "tap 0.1", "ReverseProxy", "x_ReverseProxy",
					"tap over ReverseProxy 0.1", "nginx + mirror", "plain_x_nginx+mirror", "tap 1", "tap 0.01", "x_100%_of_1%")
			}
		})
	}
}

// openLoop sends at a rate, whatever the answers do, and returns the latencies
// from when each request was due.
func openLoop(b *testing.B, addr string, n, rate int, length time.Duration) []time.Duration {
	b.Helper()
	total := int(length.Seconds() * float64(rate))
	due := make(chan time.Time, total)
	out := make([][]time.Duration, clients)
	var wg sync.WaitGroup
	for k := range clients {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			r, text := bufio.NewReader(c), request(n, "0000000000")
			for at := range due {
				if _, err := c.Write(text); err != nil {
					b.Error(err)
					return
				}
				if err := discardMessage(r); err != nil {
					b.Error(err)
					return
				}
				out[k] = append(out[k], time.Since(at))
			}
		})
	}
	start := time.Now()
	for i := range total {
		at := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if wait := time.Until(at); wait > 0 {
			time.Sleep(wait)
		}
		due <- time.Now()
	}
	close(due)
	wg.Wait()
	return slices.Concat(out...)
}

// BenchmarkLatency is bar P3: what each proxy adds to the latency at 1,000
// requests a second.
func BenchmarkLatency(b *testing.B) {
	up := self(b, "upstream", "")
	rows := compact(up, haproxy(b, up.addr), nginx(b, up.addr, true), self(b, "ReverseProxy", up.addr), rated(b, "tap", up.addr, "0.1"), rated(b, "tap", up.addr, "1"))
	for b.Loop() {
		samples := map[string][]time.Duration{}
		for range 4 {
			for _, p := range rows {
				samples[p.name] = append(samples[p.name], openLoop(b, p.addr, 314, 1000, 2*time.Second)...)
			}
		}
		at := func(name string, q float64) float64 {
			s := samples[name]
			slices.Sort(s)
			return float64(s[int(q*float64(len(s)))].Microseconds())
		}
		text := "added us p50/p99:"
		added := map[string][2]float64{}
		for _, p := range rows[1:] {
			added[p.name] = [2]float64{at(p.name, .5) - at(up.name, .5), at(p.name, .99) - at(up.name, .99)}
			text += fmt.Sprintf(" %s %.0f/%.0f ·", p.name, added[p.name][0], added[p.name][1])
		}
		b.Log(text)
		if h, ok := added["HAProxy"]; ok {
			b.ReportMetric(added["tap 0.1"][0]/h[0], "p50_x_HAProxy")
			b.ReportMetric(added["tap 0.1"][1]/h[1], "p99_x_HAProxy")
		}
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkMemory is bar P5: resident memory after a million small requests
// that are all captured.
func BenchmarkMemory(b *testing.B) {
	up := self(b, "upstream", "")
	p := rated(b, "tap", up.addr, "1")
	for b.Loop() {
		closedLoop(b, p.addr, 314, 1_000_000)
		b.ReportMetric(p.rss(), "MiB")
		b.ReportMetric(0, "ns/op")
	}
}
