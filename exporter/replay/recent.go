package replay

import (
	"slices"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

const (
	recentEvery = 64 // one input of so many is kept
	recentMost  = 64
	recentBytes = 4 << 20 // of all together
)

// Recent keeps copies of a few inputs of live traffic, so that the noise floor
// is that of what the model meets and not of a file. Safe for concurrent use.
type Recent struct {
	mu   sync.Mutex
	seen uint64
	ring [][]tensor.Tensor
	size int
}

// offer shows it one record's inputs.
func (r *Recent) offer(inputs []tensor.Tensor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen++
	if r.seen%recentEvery != 1 {
		return
	}
	size := bytesOf(inputs)
	if size > recentBytes {
		return
	}
	for len(r.ring) == recentMost || len(r.ring) > 0 && r.size+size > recentBytes {
		r.size -= bytesOf(r.ring[0])
		r.ring = slices.Delete(r.ring, 0, 1)
	}
	kept := make([]tensor.Tensor, len(inputs))
	for i, t := range inputs {
		kept[i] = t.Clone()
	}
	r.ring, r.size = append(r.ring, kept), r.size+size
}

func bytesOf(list []tensor.Tensor) (n int) {
	for _, t := range list {
		n += t.Bytes()
	}
	return n
}

// List is the inputs, oldest first. They are read only.
func (r *Recent) List() [][]tensor.Tensor {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.ring)
}
