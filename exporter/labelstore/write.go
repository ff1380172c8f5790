package labelstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

func exit() { runtime.Goexit() }

// call runs what may end its goroutine, or hang behind one that has ended, in
// a goroutine of its own. d.mu is held.
func (d *Disk) call(f func() error) error {
	done := make(chan error, 1)
	go func() {
		returned := false
		defer func() {
			if returned {
				return
			}
			err := fmt.Errorf("label store: %v", recover()) // nil of a Goexit
			d.fs.trip(err)
			done <- err
		}()
		err := f()
		returned = true
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-d.fatal:
		err = d.fs.broken()
	}
	if err == nil {
		err = d.fs.broken()
	} else if d.fs.broken() == nil {
		d.fs.trip(err)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	return nil
}

// up is the error of a store that does not work; d.mu is held.
func (d *Disk) up() error {
	switch {
	case d.closed:
		return ErrClosed
	case d.db == nil:
		return fmt.Errorf("%w: %s", ErrDown, d.last)
	case d.fs.broken() != nil:
		return fmt.Errorf("%w: %w", ErrDown, d.fs.broken())
	}
	return nil
}

// Get is an entry's value.
func (d *Disk) Get(id string) (value []byte, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.up(); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			d.fs.trip(fmt.Errorf("label store: %v", r))
			err = d.up()
		}
	}()
	v, closer, err := d.db.Get(entryKey(id))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		d.fs.trip(err)
		return nil, d.up()
	}
	value = append([]byte{}, v...)
	return value, closer.Close()
}

// Commit changes entries and appends events. It does not wait for the disk:
// Sync does.
func (d *Disk) Commit(b Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.up(); err != nil {
		return err
	}
	if d.usage.Load() > d.s.Limit {
		for i := range b.Puts {
			if b.Puts[i].New {
				return fmt.Errorf("%w: its files take %d of %d bytes", ErrFull, d.usage.Load(), d.s.Limit)
			}
		}
	}
	w := d.db.NewBatch()
	now := uint64(d.s.Now().UnixMilli())
	next, events := d.next, d.events
	for _, p := range b.Puts {
		if p.New {
			age := binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(p.ID)), now)
			_ = w.Set(numbered(ageEntryPrefix, next), append(age, p.ID...), nil) // a batch in memory does not fail
			next++
		}
		_ = w.Set(entryKey(p.ID), p.Value, nil)
	}
	for _, e := range b.Events {
		_ = w.Set(numbered(eventPrefix, events), e, nil)
		events++
	}
	if err := d.call(func() error { return d.db.Apply(w, pebble.NoSync) }); err != nil {
		return err
	}
	d.next, d.events = next, events
	d.usage.Add(int64(w.Len()))
	_ = w.Close()
	return nil
}

// Sync waits until what was committed is on the disk. Several that wait share
// one write.
func (d *Disk) Sync() error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.up(); err != nil {
		return err
	}
	return d.call(func() error { return d.db.LogData(nil, pebble.Sync) })
}

// head is where a checkpoint was taken: the next entry's and the next event's
// sequence number.
type head struct{ entries, events uint64 }

func (d *Disk) checkpoint() (*head, []byte, error) {
	v, closer, err := d.db.Get([]byte{checkpointPrefix})
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer closer.Close()
	if len(v) < 16 {
		return nil, nil, fmt.Errorf("%w: a checkpoint of %d bytes", pebble.ErrCorruption, len(v))
	}
	return &head{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])}, append([]byte{}, v[16:]...), nil
}

// Checkpoint keeps state and forgets the events so far.
func (d *Disk) Checkpoint(state []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.up(); err != nil {
		return err
	}
	v := binary.BigEndian.AppendUint64(make([]byte, 0, 16+len(state)), d.next)
	v = append(binary.BigEndian.AppendUint64(v, d.events), state...)
	w := d.db.NewBatch()
	_ = w.Set([]byte{checkpointPrefix}, v, nil)
	_ = w.DeleteRange([]byte{eventPrefix}, numbered(eventPrefix, d.events), nil)
	return d.call(func() error { return d.db.Apply(w, pebble.Sync) })
}

// Restore hands over what the store holds.
func (d *Disk) Restore(state func([]byte) error, entry func(string, []byte) error, event func([]byte) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.up(); err != nil {
		return err
	}
	h, kept, err := d.checkpoint()
	if err != nil {
		return d.unreadable(err)
	}
	if err := state(kept); err != nil {
		return err
	}
	from := []byte{ageEntryPrefix}
	if h != nil {
		from = numbered(ageEntryPrefix, h.entries)
	}
	if err := d.each(from, ageEntryPrefix+1, func(_, v []byte) error {
		id := string(v[8:])
		value, closer, err := d.db.Get(entryKey(id))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		defer closer.Close()
		return entry(id, append([]byte{}, value...))
	}); err != nil {
		return d.unreadable(err)
	}
	return d.unreadable(d.each([]byte{eventPrefix}, eventPrefix+1, func(_, v []byte) error { return event(v) }))
}

func (d *Disk) unreadable(err error) error {
	if err == nil {
		d.restored = true
		return nil
	}
	if pebble.IsCorruptionError(err) {
		d.fs.trip(err)
	}
	return err
}

func (d *Disk) each(from []byte, end byte, f func(k, v []byte) error) error {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: []byte{end}})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		if len(it.Key()) != 9 {
			_ = it.Close()
			return fmt.Errorf("%w: a key of %d bytes", pebble.ErrCorruption, len(it.Key()))
		}
		if err := f(it.Key(), it.Value()); err != nil {
			_ = it.Close()
			return err
		}
	}
	return it.Close()
}

// Expire removes entries that came before the time, and the oldest ones where
// the files take more than three quarters of their bound: the rest is room for
// compaction.
func (d *Disk) Expire(before time.Time) error {
	n, err := d.drop(func(at time.Time, _ uint64) bool { return at.Before(before) })
	d.expired.Add(n)
	if err != nil {
		return err
	}
	d.mu.Lock()
	if err := d.up(); err != nil {
		d.mu.Unlock()
		return err
	}
	d.usage.Store(int64(d.db.Metrics().DiskSpaceUsage()))
	until := d.oldest + (d.next-d.oldest)/8
	d.mu.Unlock()
	if n > 100_000 {
		d.compact()
	}
	if d.usage.Load() < d.s.Limit*3/4 || d.compacting.Load() {
		return nil
	}
	n, err = d.drop(func(_ time.Time, seq uint64) bool { return seq < until })
	d.evicted.Add(n)
	d.compact()
	return err
}

// drop removes the oldest entries for as long as old says so.
func (d *Disk) drop(old func(at time.Time, seq uint64) bool) (n uint64, err error) {
	const most = 10_000 // entries a batch: others wait meanwhile
	for {
		k, err := d.dropSome(old, most)
		n += uint64(k)
		if err != nil || k < most {
			return n, err
		}
	}
}

var errEnough = errors.New("enough")

func (d *Disk) dropSome(old func(time.Time, uint64) bool, most int) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.up(); err != nil {
		return 0, err
	}
	w := d.db.NewBatch()
	oldest := d.oldest
	err = d.each(numbered(ageEntryPrefix, d.oldest), ageEntryPrefix+1, func(k, v []byte) error {
		at := time.UnixMilli(int64(binary.BigEndian.Uint64(v)))
		if n >= most || !old(at, sequence(k)) {
			return errEnough
		}
		n++
		oldest = sequence(k) + 1
		return w.Delete(entryKey(string(v[8:])), nil)
	})
	if err != nil && !errors.Is(err, errEnough) {
		d.fs.trip(err)
		return 0, d.up()
	}
	if n == 0 {
		return 0, nil
	}
	_ = w.DeleteRange([]byte{ageEntryPrefix}, numbered(ageEntryPrefix, oldest), nil)
	if err := d.call(func() error { return d.db.Apply(w, pebble.NoSync) }); err != nil {
		return 0, err
	}
	d.oldest = oldest
	return n, nil
}

// compact rewrites the files without what was removed, behind the scenes.
func (d *Disk) compact() {
	d.mu.RLock()
	db, fs := d.db, d.fs
	d.mu.RUnlock()
	if db == nil || !d.compacting.CompareAndSwap(false, true) {
		return
	}
	d.compacted.Go(func() {
		defer d.compacting.Store(false)
		defer func() {
			if r := recover(); r != nil {
				fs.trip(fmt.Errorf("label store: %v", r))
			}
		}()
		if err := db.Compact(context.Background(), []byte{0}, []byte{0xff}, false); err != nil && fs.broken() == nil {
			d.s.Logger.Warn("label store does not compact", "error", err)
		}
	})
}

// Backup copies the store into a folder that must not exist. Files are linked
// where the file system can.
func (d *Disk) Backup(folder string) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if err := d.up(); err != nil {
		return err
	}
	if err := d.db.Checkpoint(folder, pebble.WithFlushedWAL()); err != nil {
		return fmt.Errorf("back up label store: %w", err)
	}
	return nil
}
