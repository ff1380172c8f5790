package oip

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// blobs gives the binary tensors their data, which follows the JSON value in
// the order of the tensors.
func (p *parser) blobs(m *Message, body []byte, jsonLength int) error {
	var rest []byte
	if jsonLength > 0 && jsonLength <= len(body) {
		if p.peek() != 0 {
			p.odd.add(TrailingData)
		}
		rest = body[jsonLength:]
	} else {
		rest = body[p.i:]
		if len(bytes.TrimSpace(rest)) == 0 {
			rest = nil
		}
	}
	for i := range m.Tensors {
		t, w := &m.Tensors[i], &m.wire[i]
		if w.binary < 0 || w.shared {
			continue
		}
		if jsonLength < 0 {
			p.odd.add(BinaryLengthAbsent)
		}
		if w.binary > len(rest) {
			p.i = len(p.b)
			p.odd.add(BinarySize)
			return p.fail("binary tensor without end")
		}
		p.blob(t, w, rest[:w.binary])
		rest = rest[w.binary:]
	}
	if len(rest) > 0 {
		p.odd.add(TrailingData)
	}
	return nil
}

func (p *parser) blob(t *tensor.Tensor, w *wireInfo, b []byte) {
	if t.Type == tensor.Invalid { // the bytes are there, their meaning is not
		if !w.datatype {
			p.odd.add(DatatypeMissing)
		}
		t.Type = tensor.Uint8
	}
	if t.Type == tensor.Bytes {
		if !splitBytes(t, b) {
			p.odd.add(BinarySize)
		}
		w.count = len(t.Strings)
	} else {
		size := t.Type.Size()
		if len(b)%size != 0 {
			p.odd.add(BinarySize)
			b = b[:len(b)-len(b)%size]
		}
		t.Data = append(slices.Grow(t.Data[:0], (len(b)+7)&^7), b...)
		w.count = len(b) / size
	}
	if !w.shape {
		p.odd.add(ShapeMissing)
		t.Shape = append(t.Shape[:0], int64(w.count))
		return
	}
	if inferDimension(t.Shape, w.count) {
		return
	}
	if n, err := tensor.Elements(t.Shape); err != nil || n != w.count {
		p.odd.add(BinarySize)
		t.Shape = append(t.Shape[:0], int64(w.count))
	}
}

// splitBytes reads elements with a length of four bytes before each; false
// where the lengths do not add up.
func splitBytes(t *tensor.Tensor, b []byte) bool {
	b = bytes.Clone(b)
	for len(b) >= 4 {
		n := uint64(binary.LittleEndian.Uint32(b))
		if n > uint64(len(b)-4) {
			return false
		}
		t.Strings = append(t.Strings, b[4:4+n:4+n])
		b = b[4+n:]
	}
	return len(b) == 0
}
