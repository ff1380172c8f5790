package labelstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Delete removes the entries whose ids begin with prefix and match. What was
// removed is out of the folder when it returns, or as soon as files that are no
// longer needed are deleted: their keys are compacted away, and pebble is opened
// again, since its log and its manifest name keys, too. It reads the ids of all
// entries, during which the store waits; it is for the deletion of a person's
// records, not for a stream of them.
func (d *Disk) Delete(prefix string, match func(id string) bool) (removed int, err error) {
	for !d.compacting.CompareAndSwap(false, true) { // pebble is closed: nothing else may run on it
		d.compacted.Wait()
		time.Sleep(time.Millisecond)
	}
	defer d.compacting.Store(false)
	d.backup.Lock()
	defer d.backup.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.up(); err != nil {
		return 0, err
	}
	keys, removed, err := d.find(prefix, match)
	if err != nil {
		d.fs.trip(err)
		return 0, d.up()
	}
	w := d.db.NewBatch()
	for _, k := range keys {
		_ = w.Delete(k, nil) // a batch in memory does not fail
	}
	if err := d.call(func() error { return d.db.Apply(w, pebble.Sync) }); err != nil {
		return 0, err
	}
	return removed, d.scrub(keys)
}

// find are the keys of entries and of their ages; d.mu is held.
func (d *Disk) find(prefix string, match func(string) bool) (keys [][]byte, entries int, err error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: entryKey(prefix), UpperBound: []byte{entryPrefix + 1}})
	if err != nil {
		return nil, 0, err
	}
	for it.First(); it.Valid() && bytes.HasPrefix(it.Key()[1:], []byte(prefix)); it.Next() {
		if match(string(it.Key()[1:])) {
			keys = append(keys, slices.Clone(it.Key()))
			entries++
		}
	}
	if err := it.Close(); err != nil {
		return nil, 0, err
	}
	// An age without its entry is what a deletion left that ended in the middle.
	err = d.each([]byte{ageEntryPrefix}, ageEntryPrefix+1, func(k, v []byte) error {
		if len(v) > 8 && bytes.HasPrefix(v[8:], []byte(prefix)) && match(string(v[8:])) {
			keys = append(keys, slices.Clone(k))
		}
		return nil
	})
	return keys, entries, err
}

// scrub takes keys that were deleted, and events that a checkpoint has
// forgotten, out of the files; d.mu is held.
func (d *Disk) scrub(keys [][]byte) error {
	ranges := [][2][]byte{{{checkpointPrefix}, {eventPrefix + 1}}}
	for _, k := range keys {
		ranges = append(ranges, [2][]byte{k, append(slices.Clone(k), 0)})
	}
	err := d.call(func() error {
		if err := d.db.Flush(); err != nil {
			return err
		}
		for _, r := range ranges {
			if err := d.db.Compact(context.Background(), r[0], r[1], false); err != nil {
				return err
			}
		}
		return nil
	})
	restored := d.restored
	// A manifest names the bounds of tables. Each opening begins another with
	// the first flush, and one before it is kept.
	for range 2 {
		if err == nil {
			err = d.again()
		}
	}
	if err != nil {
		d.fs.trip(err)
		d.abandon()
		if !errors.Is(err, ErrDown) {
			err = fmt.Errorf("%w: %w", ErrDown, err)
		}
		return err
	}
	d.restored = restored
	return nil
}

// again closes pebble and opens it; d.mu is held.
func (d *Disk) again() error {
	if err := d.call(d.db.Close); err != nil {
		return err
	}
	if err := d.open(); err != nil {
		return err
	}
	return d.call(func() error { return d.db.Flush() })
}

// Delete removes the entries whose ids begin with prefix and match.
func (m *Memory) Delete(prefix string, match func(id string) bool) (removed int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := m.order[:m.head]
	for _, h := range m.order[m.head:] {
		if strings.HasPrefix(h.id, prefix) && match(h.id) {
			m.size -= h.size()
			delete(m.byID, h.id)
			removed++
			continue
		}
		kept = append(kept, h)
	}
	clear(m.order[len(kept):])
	m.order = kept
	return removed, nil
}
