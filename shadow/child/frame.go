// Package child runs a shadow engine in a process of its own. ONNX Runtime can
// abort the process it runs in, run out of memory or hang; the proxy must
// survive all three. The child is killed with its parent, started again when it
// dies, and what it had not answered is reported as such.
//
// Parent and child talk through a socket pair: a handshake in JSON, then
// frames. Tensors cross it with one copy: their bytes are written from where
// they are, and read into one buffer which the results then share. Inputs
// through shared memory were measured too: no difference (1.17 and 1.16 times
// the CPU of the same engine in this process, batches of 64 inputs of 12 KB);
// what costs is waking two processes, not the copy.
package child

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// errFrame: bytes that are no frame. The connection cannot be used any more.
var errFrame = errors.New("malformed frame")

const (
	headBytes = 16 // length of the body, identity of the request
	// maxFrame bounds a frame's body: a corrupt length must not allocate the
	// machine's memory.
	maxFrame = 1 << 30
	maxRank  = 32
	// limits of counts inside a frame
	maxItems = 1 << 20
)

// encoder gathers a frame: small parts in one buffer, tensors' bytes by
// reference, in the order of the wire.
type encoder struct {
	parts net.Buffers
	small []byte
	total int
}

func (e *encoder) u32(v int) { e.small = binary.LittleEndian.AppendUint32(e.small, uint32(v)) }

func (e *encoder) text(s string) {
	e.u32(len(s))
	e.small = append(e.small, s...)
}

// flush closes the small part, so that a reference can follow it. What is left
// of its memory takes the next.
func (e *encoder) flush() {
	if n := len(e.small); n > 0 {
		e.parts = append(e.parts, e.small[:n:n])
		e.total += n
		e.small = e.small[n:]
	}
}

// bytes appends a reference, padded to start on a multiple of eight from the
// body's start, so that the reader's tensors are aligned.
func (e *encoder) bytes(b []byte) {
	e.u32(len(b))
	at := e.total + len(e.small) + 1
	pad := (8 - at%8) % 8
	var zeros [8]byte
	e.small = append(append(e.small, byte(pad)), zeros[:pad]...)
	e.flush()
	if len(b) > 0 {
		e.parts = append(e.parts, b)
		e.total += len(b)
	}
}

func (e *encoder) tensors(list []tensor.Tensor) {
	e.u32(len(list))
	for _, t := range list {
		e.text(t.Name)
		e.u32(int(t.Type))
		e.u32(len(t.Shape))
		for _, d := range t.Shape {
			e.small = binary.LittleEndian.AppendUint64(e.small, uint64(d))
		}
		if t.Type == tensor.Bytes {
			e.u32(len(t.Strings))
			for _, s := range t.Strings {
				e.bytes(s)
			}
		} else {
			e.bytes(t.Data)
		}
	}
}

func (e *encoder) samples(batch []shadow.Sample) {
	const typical = 128 // bytes of a tensor's description
	e.small, e.parts = make([]byte, 0, typical*(len(batch)+1)), make(net.Buffers, 0, 2*len(batch)+2)
	e.u32(len(batch))
	for _, s := range batch {
		e.tensors(s)
	}
}

func (e *encoder) results(list []shadow.Result, err error) {
	e.text(errorText(err))
	e.u32(len(list))
	for _, r := range list {
		e.text(errorText(r.Err))
		e.tensors(r.Outputs)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// writeTo sends the frame of request id.
func (e *encoder) writeTo(w io.Writer, id uint64) error {
	e.flush()
	if e.total > maxFrame {
		return fmt.Errorf("%w: a batch of %d bytes, at most %d can be sent", shadow.ErrInput, e.total, maxFrame)
	}
	var head [headBytes]byte
	binary.LittleEndian.PutUint64(head[:], uint64(e.total))
	binary.LittleEndian.PutUint64(head[8:], id)
	buffers := append(net.Buffers{head[:]}, e.parts...)
	_, err := buffers.WriteTo(w)
	return err
}

// buffers are frames' bodies that can be used again: a batch of images is
// close to a megabyte, and fresh memory costs more than what is done with it.
type buffers struct {
	mu   sync.Mutex
	free [][]byte
}

// mostFree is how many bodies wait to be used again.
const mostFree = 4

// take returns n bytes that start on a multiple of eight; they are not zeroed.
func (b *buffers) take(n int) ([]byte, error) {
	b.mu.Lock()
	for i, one := range b.free {
		if cap(one) >= n {
			b.free = slices.Delete(b.free, i, i+1)
			b.mu.Unlock()
			return one[:n], nil
		}
	}
	if len(b.free) > 0 {
		b.free = b.free[1:] // too small for what comes now
	}
	b.mu.Unlock()
	t, err := tensor.New("", tensor.Uint64, int64(n+7)/8)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	return t.Data[:n], nil
}

// give returns a body that nobody reads any more.
func (b *buffers) give(body []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.free) < mostFree {
		b.free = append(b.free, body[:0])
	}
}

// readFrame reads one frame into a buffer, which is aligned.
func readFrame(r io.Reader, b *buffers) (id uint64, body []byte, err error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: a body of %d bytes", errFrame, n)
	}
	if body, err = b.take(int(n)); err != nil {
		return 0, nil, err
	}
	_, err = io.ReadFull(r, body)
	return binary.LittleEndian.Uint64(head[8:]), body, err
}

// decoder reads a frame's body; the first fault ends it.
type decoder struct {
	body []byte
	at   int
	err  error

	name   string  // the last: most tensors of a batch have the same
	shapes []int64 // memory of shapes to come
	slab   []tensor.Tensor
}

// sameText is a string, which is the last one's again in most tensors of a batch.
func (d *decoder) sameText() string {
	b := d.take(d.u32())
	if string(b) != d.name {
		d.name = string(b)
	}
	return d.name
}

// shape reads a tensor's dimensions into memory that the frame's shapes share.
func (d *decoder) shape(rank int) []int64 {
	if cap(d.shapes)-len(d.shapes) < rank {
		d.shapes = make([]int64, 0, max(rank, min(256, (len(d.body)-d.at)/8)))
	}
	from := len(d.shapes)
	for range rank {
		if b := d.take(8); b != nil {
			d.shapes = append(d.shapes, int64(binary.LittleEndian.Uint64(b)))
		}
	}
	return d.shapes[from:len(d.shapes):len(d.shapes)]
}

// list is room for n tensors, of memory that the frame's lists share.
func (d *decoder) list(n int) []tensor.Tensor {
	if cap(d.slab)-len(d.slab) < n {
		d.slab = make([]tensor.Tensor, 0, max(n, min(64, (len(d.body)-d.at)/12)))
	}
	from := len(d.slab)
	d.slab = d.slab[:from+n]
	return d.slab[from : from : from+n]
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.body)-d.at {
		if d.err == nil {
			d.err = fmt.Errorf("%w: %d bytes wanted at %d of %d", errFrame, n, d.at, len(d.body))
		}
		return nil
	}
	b := d.body[d.at : d.at+n : d.at+n]
	d.at += n
	return b
}

func (d *decoder) u32() int {
	b := d.take(4)
	if b == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b))
}

// count reads a number of things to come; each takes at least least bytes, so
// that a corrupt count cannot allocate more than the frame could hold.
func (d *decoder) count(least int) int {
	n := d.u32()
	if d.err == nil && (n > maxItems || n*least > len(d.body)-d.at) {
		d.err = fmt.Errorf("%w: a count of %d at %d of %d", errFrame, n, d.at, len(d.body))
		return 0
	}
	return n
}

func (d *decoder) text() string { return string(d.take(d.u32())) }

func (d *decoder) bytes() []byte {
	n := d.u32()
	pad := d.take(1)
	if pad == nil {
		return nil
	}
	d.take(int(pad[0]))
	return d.take(n)
}

func (d *decoder) tensors() []tensor.Tensor {
	n := d.count(12)
	if n == 0 {
		return nil
	}
	out := d.list(n)
	for range n {
		t := tensor.Tensor{Name: d.sameText(), Type: tensor.DataType(d.u32())}
		rank := d.count(8)
		if rank > maxRank && d.err == nil {
			d.err = fmt.Errorf("%w: rank %d", errFrame, rank)
		}
		if d.err == nil {
			t.Shape = d.shape(rank)
		}
		if t.Type == tensor.Bytes {
			for range d.count(5) {
				t.Strings = append(t.Strings, d.bytes())
			}
		} else {
			t.Data = d.bytes()
		}
		if d.err != nil {
			return nil
		}
		if err := t.Validate(); err != nil {
			d.err = fmt.Errorf("%w: %w", errFrame, err)
			return nil
		}
		out = append(out, t)
	}
	return out
}

func decodeSamples(body []byte) ([]shadow.Sample, error) {
	d := &decoder{body: body}
	out := make([]shadow.Sample, d.count(4))
	for i := range out {
		out[i] = d.tensors()
	}
	return out, d.err
}

func decodeResults(body []byte) ([]shadow.Result, error) {
	d := &decoder{body: body}
	if text := d.text(); text != "" && d.err == nil {
		return nil, remoteError(text)
	}
	out := make([]shadow.Result, d.count(8))
	for i := range out {
		if text := d.text(); text != "" {
			out[i].Err = remoteError(text)
		}
		out[i].Outputs = d.tensors()
	}
	return out, d.err
}

// remote is an error that crossed the socket: its text, and which of the
// shadow's errors it was.
type remote struct {
	text string
	kind error
}

func (r remote) Error() string { return r.text }
func (r remote) Unwrap() error { return r.kind }

func remoteError(text string) error {
	for _, kind := range []error{shadow.ErrInput, shadow.ErrModel, shadow.ErrLibrary, shadow.ErrClosed} {
		if len(text) >= len(kind.Error()) && text[:len(kind.Error())] == kind.Error() {
			return remote{text, kind}
		}
	}
	return remote{text: text}
}
