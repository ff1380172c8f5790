package labelstore

import (
	"fmt"
	"sync"
	"time"
)

// overhead is what an entry takes in a map beside its id and value, rounded
// up.
const overhead = 96

// Memory keeps entries in this process: they are gone when it ends.
type Memory struct {
	entries int
	bytes   int64
	now     func() time.Time

	mu      sync.Mutex
	byID    map[string]*held
	order   []*held // a queue: oldest at head
	head    int
	size    int64
	evicted uint64
	expired uint64
}

type held struct {
	id    string
	value []byte
	at    time.Time
}

// NewMemory returns a store of at most so many entries and bytes.
func NewMemory(entries int, bytes int64, now func() time.Time) *Memory {
	return &Memory{entries: entries, bytes: bytes, now: now, byID: map[string]*held{}}
}

// Get is an entry's value.
func (m *Memory) Get(id string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.byID[id]; h != nil {
		return h.value, nil
	}
	return nil, nil
}

// Commit changes entries; events are forgotten at once.
func (m *Memory) Commit(b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range b.Puts {
		if h := m.byID[p.ID]; h != nil {
			m.size += int64(len(p.Value) - len(h.value))
			h.value = p.Value
			continue
		}
		h := &held{p.ID, p.Value, m.now()}
		m.byID[p.ID] = h
		m.order = append(m.order, h)
		m.size += h.size()
		for len(m.byID) > m.entries || m.size > m.bytes {
			m.drop()
			m.evicted++
		}
	}
	return nil
}

func (h *held) size() int64 { return int64(len(h.id) + len(h.value) + overhead) }

// drop removes the oldest entry; m.mu is held.
func (m *Memory) drop() {
	h := m.order[m.head]
	m.order[m.head] = nil
	m.head++
	m.size -= h.size()
	delete(m.byID, h.id)
	if m.head > 1024 && m.head*2 > len(m.order) {
		m.order = append(m.order[:0], m.order[m.head:]...)
		m.head = 0
	}
}

// Sync has nothing to wait for.
func (m *Memory) Sync() error { return nil }

// Reopen has nothing to open: memory is never down.
func (m *Memory) Reopen() error { return nil }

// Checkpoint has nothing to keep.
func (m *Memory) Checkpoint([]byte) error { return nil }

// Restore has nothing to hand over but that there is nothing.
func (m *Memory) Restore(state func([]byte) error, _ func(string, []byte) error, _ func([]byte) error) error {
	return state(nil)
}

// Expire removes entries that came before the time.
func (m *Memory) Expire(before time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.head < len(m.order) && m.order[m.head].at.Before(before) {
		m.drop()
		m.expired++
	}
	return nil
}

// Stats is the store's state.
func (m *Memory) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Stats{Kind: "memory", Up: true, Entries: uint64(len(m.byID)), Bytes: m.size, Limit: m.bytes, Evicted: m.evicted, Expired: m.expired}
}

// Backup is an error: there is no folder.
func (m *Memory) Backup(string) error {
	return fmt.Errorf("predictions wait in memory, there is nothing to back up; set labels.store.path")
}

// Close forgets everything.
func (m *Memory) Close() error { return nil }
