// Package share lets many engines share a device: of all shadows that run on
// one, so many infer at once, and the others wait for their turn. Without it
// the shadows of ten models are ten batches at once on the primary's GPU.
package share

import (
	"context"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/provider"
)

// Devices counts inferences by device. Safe for concurrent use.
type Devices struct {
	most  int
	mu    sync.Mutex
	slots map[string]chan struct{}
}

// New lets so many inferences run on each device at once; 0: as many as come.
func New(most int) *Devices { return &Devices{most: most, slots: map[string]chan struct{}{}} }

// Limit gives an engine its place among those of its device. specs is the
// providers that it was asked to use; which one counts is what it runs on at
// the time, for an engine may come back on another.
func (d *Devices) Limit(e shadow.Engine, specs []provider.Spec) shadow.Engine {
	if d.most <= 0 {
		return e
	}
	return &limited{Engine: e, devices: d, specs: specs}
}

func (d *Devices) slot(device string) chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.slots[device]
	if !ok {
		s = make(chan struct{}, d.most)
		d.slots[device] = s
	}
	return s
}

type limited struct {
	shadow.Engine
	devices *Devices
	specs   []provider.Spec
}

// Infer waits for the device, at most until ctx ends, and runs the batch.
func (l *limited) Infer(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	slot := l.devices.slot(l.device())
	select {
	case slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-slot }()
	return l.Engine.Infer(ctx, batch)
}

// device is what the engine runs on now.
func (l *limited) device() string {
	running := provider.Spec{Name: l.Engine.Model().Provider}
	for _, s := range l.specs {
		if s.Name == running.Name {
			return s.Device()
		}
	}
	return running.Device()
}

// PID is that of the engine's process; 0 where it has none.
func (l *limited) PID() int {
	if p, ok := l.Engine.(interface{ PID() int }); ok {
		return p.PID()
	}
	return 0
}
