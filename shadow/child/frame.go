// Package child runs a shadow engine in a process of its own. ONNX Runtime can
// abort the process it runs in, run out of memory or hang; the proxy must
// survive all three. The child is killed with its parent, started again when it
// dies, and what it had not answered is reported as such.
//
// Parent and child talk through a socket pair: a handshake in JSON, then
// frames. Tensors cross it with one copy: their bytes are written from where
// they are, and read into one buffer which the results then share.
package child

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

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

// flush closes the small part, so that a reference can follow it.
func (e *encoder) flush() {
	if len(e.small) > 0 {
		e.parts = append(e.parts, e.small)
		e.total += len(e.small)
		e.small = nil
	}
}

// bytes appends a reference, padded to start on a multiple of eight from the
// body's start, so that the reader's tensors are aligned.
func (e *encoder) bytes(b []byte) {
	e.u32(len(b))
	at := e.total + len(e.small) + 1
	pad := (8 - at%8) % 8
	e.small = append(e.small, byte(pad))
	e.small = append(e.small, make([]byte, pad)...)
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

// readFrame reads one frame into a buffer of its own, which is aligned.
func readFrame(r io.Reader) (id uint64, body []byte, err error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint64(head[:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: a body of %d bytes", errFrame, n)
	}
	t, err := tensor.New("", tensor.Uint64, int64(n+7)/8)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", errFrame, err)
	}
	body = t.Data[:n]
	_, err = io.ReadFull(r, body)
	return binary.LittleEndian.Uint64(head[8:]), body, err
}

// decoder reads a frame's body; the first fault ends it.
type decoder struct {
	body []byte
	at   int
	err  error
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
	out := make([]tensor.Tensor, 0, n)
	for range n {
		t := tensor.Tensor{Name: d.text(), Type: tensor.DataType(d.u32())}
		rank := d.count(8)
		if rank > maxRank && d.err == nil {
			d.err = fmt.Errorf("%w: rank %d", errFrame, rank)
		}
		for range rank {
			if b := d.take(8); b != nil {
				t.Shape = append(t.Shape, int64(binary.LittleEndian.Uint64(b)))
			}
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
