package exchange

import (
	"github.com/cespare/xxhash/v2"

	"github.com/gnomon-dev/gnomon/exporter/tap/buffer"
)

// loss is why a body could not be kept.
type loss uint8

const (
	none loss = iota
	oversize
	memory
)

// tee keeps a copy of one body as it streams past: at most limit bytes, in a
// buffer charged to the budget. Where it cannot, it goes on hashing, so that
// the sampling decision by digest is the same whether or not there was room.
type tee struct {
	pool  *buffer.Pool
	limit int64
	buf   []byte
	lost  loss
	off   bool // nothing is kept any more
	hash  *xxhash.Digest
	hashN int64 // bytes hashed
}

// expect makes room for a body of n bytes, where its length is known.
func (t *tee) expect(n int64) {
	if t.off || n <= 0 || n > t.limit || t.buf != nil {
		return
	}
	t.buf = t.pool.Get(int(n)) // nil: write finds out
}

func (t *tee) write(p []byte) {
	if t.off || len(p) == 0 {
		return
	}
	if t.lost != none {
		t.feed(p)
		return
	}
	if int64(len(t.buf))+int64(len(p)) > t.limit {
		t.lose(oversize, p)
		return
	}
	b := t.buf
	if b == nil {
		b = t.pool.Get(len(p))
	} else {
		b = t.pool.Grow(b, len(p))
	}
	if b == nil {
		t.lose(memory, p)
		return
	}
	t.buf = append(b, p...)
}

// lose gives the buffer back and goes on with the digest alone, if anyone
// wants it.
func (t *tee) lose(why loss, p []byte) {
	t.lost = why
	if t.hash != nil {
		t.hash.Reset()
		t.feed(t.buf)
		t.feed(p)
	}
	t.free()
}

// feed hashes up to limit bytes of the body.
func (t *tee) feed(p []byte) {
	if t.hash == nil || t.hashN >= t.limit {
		return
	}
	p = p[:min(int64(len(p)), t.limit-t.hashN)]
	t.hashN += int64(len(p))
	_, _ = t.hash.Write(p) // never fails
}

// digest is the hash of the body's first limit bytes.
func (t *tee) digest() uint64 {
	if t.lost != none && t.hash != nil {
		return t.hash.Sum64()
	}
	return xxhash.Sum64(t.buf)
}

// stop keeps nothing any more.
func (t *tee) stop() {
	t.off = true
	t.free()
}

func (t *tee) free() {
	t.pool.Put(t.buf)
	t.buf = nil
}

// take hands the buffer over.
func (t *tee) take() []byte {
	b := t.buf
	t.buf = nil
	return b
}
