package plugin

import (
	"context"
	"sync"
	"time"
)

// cache keeps small answers (names of models, whether rules are loaded) for a
// few seconds, so that a dashboard's variables and the diagnosis of its panels
// do not ask the same thing fifty times. Errors are not kept. Bounded. Safe for
// concurrent use; callers of one key wait for each other.
type cache struct {
	now     func() time.Time
	off     bool // where users differ in what they may see
	mu      sync.Mutex
	entries map[string]*entry
}

type entry struct {
	mu    sync.Mutex
	until time.Time
	value any
}

const (
	maxCached = 1000
	keepFor   = 10 * time.Second
)

func newCache(now func() time.Time) *cache {
	return &cache{now: now, entries: map[string]*entry{}}
}

func (c *cache) entry(key string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		if len(c.entries) >= maxCached {
			clear(c.entries) // seconds old at most: cheaper than an order of use
		}
		e = &entry{}
		c.entries[key] = e
	}
	return e
}

// cached returns what ask returned within the last seconds.
func cached[T any](ctx context.Context, c *cache, key string, ask func(context.Context) (T, error)) (T, error) {
	if c.off {
		return ask(ctx)
	}
	e := c.entry(key)
	e.mu.Lock()
	defer e.mu.Unlock()
	if v, ok := e.value.(T); ok && c.now().Before(e.until) {
		return v, nil
	}
	v, err := ask(ctx)
	if err == nil {
		e.value, e.until = v, c.now().Add(keepFor)
	}
	return v, err
}
