package labels

import (
	"bytes"
	"context"
	"encoding/gob"
	"fmt"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// checkpoint is what a store keeps of everything folded so far.
type checkpoint struct {
	Format int
	Models []savedModel
	Early  map[string]early
}

type savedModel struct {
	Name, Version string
	State         state
}

// Run keeps the store in order until ctx ends: what is too old goes, orphans
// are counted, checkpoints written, a store that is down opened again. Then it
// writes a last checkpoint.
func (j *Joiner) Run(ctx context.Context, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			j.mu.Lock()
			defer j.mu.Unlock()
			return j.save()
		case <-tick.C:
			j.Maintain()
		}
	}
}

// Maintain does what Run does at every tick.
func (j *Joiner) Maintain() {
	now := j.s.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stale || !j.s.Store.Stats().Up {
		if err := j.s.Store.Reopen(); err != nil {
			return // it says so in its Stats
		}
		j.restore()
	}
	j.expire(now)
	if now.Sub(j.saved) >= j.s.Checkpoint {
		if err := j.save(); err != nil {
			j.s.Logger.Warn("label store takes no checkpoint", "error", err)
			return
		}
	}
	// A quarter more than the time to live: late labels can be told from
	// orphans.
	if err := j.s.Store.Expire(now.Add(-j.s.TTL * 5 / 4)); err != nil {
		j.s.Logger.Debug("old predictions stay in the label store", "error", err)
	}
}

// save writes a checkpoint; j.mu is held.
func (j *Joiner) save() error {
	if !j.dirty {
		return nil
	}
	c := checkpoint{Format: format, Early: j.early}
	for m := range j.monitors {
		c.Models = append(c.Models, savedModel{m.s.Model, m.version(), m.save()})
	}
	var b bytes.Buffer
	if j.s.Store.Stats().Kind != "memory" {
		if err := gob.NewEncoder(&b).Encode(&c); err != nil {
			return fmt.Errorf("label checkpoint: %w", err)
		}
	}
	if err := j.s.Store.Checkpoint(b.Bytes()); err != nil {
		return err
	}
	j.dirty, j.saved = false, j.s.Now()
	return nil
}

// restore makes the monitors what the store holds; j.mu is held.
func (j *Joiner) restore() {
	for m := range j.monitors {
		m.load(nil)
	}
	j.early, j.order, j.head = map[string]early{}, nil, 0
	j.stale = false
	err := j.s.Store.Restore(j.load, func(_ string, value []byte) error {
		list, err := decodeEntry(value)
		if err != nil {
			return err
		}
		for _, p := range list {
			if !p.logged {
				j.fold(&event{kind: predicted, prediction: p})
			}
		}
		return nil
	}, func(b []byte) error {
		e, err := decodeEvent(b)
		if err != nil {
			return err
		}
		j.fold(e)
		return nil
	})
	if err != nil {
		j.s.Logger.Error("label store cannot be read; counters and windows begin anew", "error", err)
		return
	}
	j.told = false
	j.dirty = true
}

// load takes a checkpoint up.
func (j *Joiner) load(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	var c checkpoint
	if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&c); err != nil {
		return fmt.Errorf("label checkpoint: %w", err)
	}
	if c.Format != format {
		return fmt.Errorf("%w: checkpoint %d", errFormat, c.Format)
	}
	for i := range c.Models {
		s := &c.Models[i]
		if m := j.s.Monitor(s.Name, s.Version); m != nil {
			j.monitors[m] = true
			m.load(&s.State)
		}
	}
	for id, e := range c.Early {
		j.early[id] = e
		j.order = append(j.order, waiter{id, j.s.Now()})
	}
	return nil
}

// Stats is the state of the store for the results.
func (j *Joiner) Stats() result.LabelStore {
	j.mu.Lock()
	dropped := j.dropped
	j.mu.Unlock()
	return storeResult(j.s.Store.Stats(), dropped)
}

func storeResult(s labelstore.Stats, dropped uint64) result.LabelStore {
	return result.LabelStore{Kind: s.Kind, Up: s.Up, Error: s.Err, Entries: s.Entries, Bytes: s.Bytes, Limit: s.Limit,
		Evicted: s.Evicted, Expired: s.Expired, Resets: s.Resets, Dropped: dropped}
}
