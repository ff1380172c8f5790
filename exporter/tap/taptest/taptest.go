// Package taptest is what every tap must hold, whatever it is made of:
// requests and answers pass unchanged, in time and in any odd form that HTTP
// allows; what is sampled arrives whole and paired; what is lost is counted;
// nothing of ours can disturb the primary.
package taptest

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/queue"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
)

// Config is what the suite asks of a tap under test.
type Config struct {
	Upstream  *url.URL
	Sampler   exchange.Sampler
	Observer  exchange.Observer
	Emit      func(*record.Capture)
	Budget    *queue.Budget
	BodyLimit int64
	KeyHeader string
}

// Start makes a tap. What it returns is closed by the suite, with Close if it
// has that method.
type Start func(testing.TB, Config) http.Handler

// All is a sampler that keeps everything.
type All struct{}

// Keep implements pipeline.Sampler.
func (All) Keep(string) bool { return true }

// Rate implements pipeline.Sampler.
func (All) Rate() float64 { return 1 }

// Journal is an observer that remembers.
type Journal struct {
	InFlight atomic.Int64

	mu      sync.Mutex
	done    []record.Done
	dropped map[string]int
	changed chan struct{}
}

// NewJournal returns an empty Journal.
func NewJournal() *Journal {
	return &Journal{dropped: map[string]int{}, changed: make(chan struct{}, 1)}
}

// Begin implements exchange.Observer.
func (j *Journal) Begin() func() {
	j.InFlight.Add(1)
	return func() { j.InFlight.Add(-1) }
}

// Request implements exchange.Observer.
func (j *Journal) Request(d record.Done) {
	j.mu.Lock()
	j.done = append(j.done, d)
	j.mu.Unlock()
	j.signal()
}

// Dropped implements exchange.Observer.
func (j *Journal) Dropped(reason string) {
	j.mu.Lock()
	j.dropped[reason]++
	j.mu.Unlock()
	j.signal()
}

func (j *Journal) signal() {
	select {
	case j.changed <- struct{}{}:
	default:
	}
}

// Done returns the requests that ended, once there are n of them.
func (j *Journal) Done(t testing.TB, n int) []record.Done {
	t.Helper()
	var out []record.Done
	j.wait(t, "requests to end", func() bool {
		out = append(out[:0], j.done...)
		return len(out) >= n
	})
	return out
}

// WaitDropped waits for n drops by a reason.
func (j *Journal) WaitDropped(t testing.TB, reason string, n int) {
	t.Helper()
	j.wait(t, "drops by "+reason, func() bool { return j.dropped[reason] >= n })
}

// Drops is all drops by reason.
func (j *Journal) Drops() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[string]int{}
	for k, v := range j.dropped {
		out[k] = v
	}
	return out
}

func (j *Journal) wait(t testing.TB, what string, ready func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		j.mu.Lock()
		ok := ready()
		j.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-j.changed:
		case <-deadline:
			t.Fatalf("waited 20 s for %s: %+v, %v", what, j.done, j.dropped)
		}
	}
}

// Rig is a tap under test between a client and an upstream.
type Rig struct {
	URL      string // of the tap
	Journal  *Journal
	Queue    *queue.Queue
	Upstream *url.URL
	Client   *http.Client
}

// NewRig starts a tap in front of upstream. change may adjust the
// configuration.
func NewRig(t testing.TB, start Start, upstream string, change func(*Config)) *Rig {
	t.Helper()
	u, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	rig := &Rig{Journal: NewJournal(), Queue: queue.New(64 << 20), Upstream: u}
	c := Config{
		Upstream: u, Sampler: All{}, Observer: rig.Journal, Budget: rig.Queue.Budget(), BodyLimit: 4 << 20, KeyHeader: "X-Request-Id",
		Emit: func(c *record.Capture) {
			if !rig.Queue.Push(c) {
				rig.Journal.Dropped("queue_full")
				c.Release()
			}
		},
	}
	if change != nil {
		change(&c)
	}
	handler := start(t, c)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = protocols
	server.Start()
	rig.URL = server.URL
	rig.Client = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 60 * time.Second}
	t.Cleanup(func() {
		rig.Client.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		if c, ok := handler.(interface{ Close() }); ok {
			c.Close()
		}
	})
	return rig
}

// Capture returns the next capture.
func (r *Rig) Capture(t testing.TB) *record.Capture {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	c, err := r.Queue.Pop(ctx)
	if err != nil {
		t.Fatalf("no capture: %v; drops %v", err, r.Journal.Drops())
	}
	t.Cleanup(c.Release)
	return c
}

// NoCapture fails where something waits to be popped.
func (r *Rig) NoCapture(t testing.TB) {
	t.Helper()
	if n := r.Queue.Len(); n > 0 {
		t.Errorf("%d captures that should not be", n)
	}
}

// Settled waits until no request is in flight and every buffer of requests
// that were not emitted was given back.
func (r *Rig) Settled(t testing.TB) {
	t.Helper()
	var queued int64
	deadline := time.Now().Add(20 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		for {
			c, err := r.Queue.Pop(ctx)
			if err != nil {
				break
			}
			queued++
			c.Release()
		}
		cancel()
		if r.Journal.InFlight.Load() == 0 && r.Queue.Bytes() == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests in flight, %d bytes charged, after %d captures", r.Journal.InFlight.Load(), r.Queue.Bytes(), queued)
		}
		time.Sleep(time.Millisecond)
	}
}

// Raw is an upstream of which a test writes every byte: serve gets each
// connection.
func Raw(t testing.TB, address string, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(60 * time.Second))
				serve(c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String()
}
