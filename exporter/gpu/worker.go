package gpu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Serve is the whole life of a worker: it reads its Options, then a line for
// each collection, and writes a Report, one JSON object a line. Events come in
// between, in reports of their own. It returns when in ends.
func Serve(in io.Reader, out io.Writer, backends func(Options) []Backend) error {
	lines := bufio.NewScanner(in)
	if !lines.Scan() {
		return fmt.Errorf("no options from a parent: this command is started by gnomon itself: %w", errors.Join(lines.Err(), io.ErrUnexpectedEOF))
	}
	var o Options
	if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
		return fmt.Errorf("options: %w", err)
	}
	w := &worker{enc: json.NewEncoder(out)}
	var reasons []string
	for _, b := range backends(o) {
		if err := b.Open(); err != nil {
			reasons = append(reasons, b.Name()+": "+err.Error())
			continue
		}
		w.backends = append(w.backends, b)
	}
	if len(w.backends) == 0 {
		return w.send(Report{Down: strings.Join(reasons, "; ")})
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	debug.SetGCPercent(25) // a megabyte of heap: collecting it costs less than keeping it
	for n := 0; lines.Scan(); n++ {
		if err := w.send(w.collect(ctx, o)); err != nil {
			return err
		}
		w.events(ctx) // once devices are known
		if n%trimEvery == 1 {
			debug.FreeOSMemory()
		}
	}
	return lines.Err()
}

// trimEvery is after how many collections freed memory is given back.
const trimEvery = 60

type worker struct {
	backends  []Backend
	listening sync.Once
	mu        sync.Mutex
	enc       *json.Encoder
}

func (w *worker) send(r Report) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.enc.Encode(r)
}

func (w *worker) collect(ctx context.Context, o Options) Report {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.Timeout*float64(time.Second)))
	defer cancel()
	all := Report{Collectors: map[string]Collector{}}
	next := 0
	for _, b := range w.backends {
		r := b.Collect(ctx)
		if all.Driver == "" {
			all.Driver, all.CUDA = r.Driver, r.CUDA
		}
		first := next
		for _, d := range r.Devices {
			d.Index += first // of all backends together
			next = max(next, d.Index+1)
			all.Devices = append(all.Devices, d)
		}
		for name, c := range r.Collectors {
			all.Collectors[b.Name()+"/"+name] = c
		}
	}
	return all
}

func (w *worker) events(ctx context.Context) {
	w.listening.Do(func() {
		for _, b := range w.backends {
			go b.Events(ctx, func(e Event) { _ = w.send(Report{Events: []Event{e}}) }) // a parent that has gone ends the loop above
		}
	})
}
