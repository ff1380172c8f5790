package training

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// eventFiles reads the scalars of TensorBoard's event files below a folder.
//
// A file is a sequence of TFRecords: the length (uint64), its masked CRC-32C,
// the bytes, their masked CRC-32C, all little-endian; the bytes are an Event
// (tensorflow/core/util/event.proto) of which the wall time, the step and the
// summary's values are read.
type eventFiles struct {
	dir   string
	files map[string]*eventFile
}

type eventFile struct {
	follow follower
	broken bool
}

// mostFiles bounds how many event files are followed, mostRecord one record.
const (
	mostFiles  = 256
	mostRecord = 64 << 20
)

// Read implements Source.
func (e *eventFiles) Read(context.Context) ([]Point, error) {
	if e.files == nil {
		e.files = map[string]*eventFile{}
	}
	var errs []error
	var out []Point
	err := filepath.WalkDir(e.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() || !strings.Contains(d.Name(), "tfevents") {
			return nil
		}
		f := e.files[path]
		if f == nil {
			if len(e.files) >= mostFiles {
				errs = append(errs, fmt.Errorf("%s: more than %d event files", e.dir, mostFiles))
				return filepath.SkipAll
			}
			f = &eventFile{}
			e.files[path] = f
		}
		points, err := f.read(path)
		out = append(out, points...)
		errs = append(errs, err)
		return nil
	})
	return out, errors.Join(append(errs, err)...)
}

func (f *eventFile) read(path string) ([]Point, error) {
	if f.broken {
		return nil, nil // said once
	}
	b, err := f.follow.next(path)
	if err != nil {
		return nil, err
	}
	var out []Point
	for {
		event, n, err := record(b)
		if err != nil {
			f.broken = true // there is no mark to find the next record by
			return out, fmt.Errorf("%s: %w", path, err)
		}
		if n == 0 {
			f.follow.keep(b)
			return out, nil
		}
		points, err := scalars(event)
		if err != nil {
			f.broken = true
			return out, fmt.Errorf("%s: %w", path, err)
		}
		out = append(out, points...)
		b = b[n:]
	}
}

// record reads the first TFRecord; n is 0 where it is not whole yet.
func record(b []byte) (data []byte, n int, err error) {
	if len(b) < 12 {
		return nil, 0, nil
	}
	length := binary.LittleEndian.Uint64(b)
	if binary.LittleEndian.Uint32(b[8:]) != masked(b[:8]) {
		return nil, 0, fmt.Errorf("%w: the length of a record fails its checksum", errFormat)
	}
	if length > mostRecord {
		return nil, 0, fmt.Errorf("%w: a record of %d bytes", errFormat, length)
	}
	if uint64(len(b)) < 16+length {
		return nil, 0, nil
	}
	data = b[12 : 12+length]
	if binary.LittleEndian.Uint32(b[12+length:]) != masked(data) {
		return nil, 0, fmt.Errorf("%w: a record fails its checksum", errFormat)
	}
	return data, int(16 + length), nil
}

// masked is TensorFlow's masked CRC-32C.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	return (c>>15 | c<<17) + 0xa282ead8
}

// scalars reads an Event's scalar summaries.
func scalars(b []byte) ([]Point, error) {
	var wall float64
	var step int64
	var summary []byte
	err := fields(b, func(n protowire.Number, v field) {
		switch n {
		case 1:
			wall = math.Float64frombits(v.bits)
		case 2:
			step = int64(v.bits)
		case 5:
			summary = v.bytes
		}
	})
	if err != nil || summary == nil {
		return nil, err
	}
	var at time.Time
	if wall > 0 && wall < 1e11 {
		at = time.Unix(0, int64(wall*1e9))
	}
	var out []Point
	err = fields(summary, func(n protowire.Number, v field) {
		if n != 1 {
			return
		}
		if p, ok := scalar(v.bytes); ok {
			p.Step, p.Time = step, at
			out = append(out, p)
		}
	})
	return out, err
}

// scalar reads a Summary.Value: simple_value, or a tensor of one float.
func scalar(b []byte) (p Point, ok bool) {
	err := fields(b, func(n protowire.Number, v field) {
		switch n {
		case 1:
			p.Metric = string(v.bytes)
		case 2:
			p.Value, ok = float64(math.Float32frombits(uint32(v.bits))), true
		case 8:
			if f, one := single(v.bytes); one {
				p.Value, ok = f, true
			}
		}
	})
	return p, ok && err == nil && p.Metric != ""
}

// single reads a TensorProto of one float (dtype 1) or double (dtype 2).
func single(b []byte) (v float64, ok bool) {
	kind := uint64(0)
	var content, floats, doubles []byte
	err := fields(b, func(n protowire.Number, f field) {
		switch n {
		case 1:
			kind = f.bits
		case 4:
			content = f.bytes
		case 5:
			floats = f.packed(4)
		case 6:
			doubles = f.packed(8)
		}
	})
	switch {
	case err != nil:
	case kind == 1 && len(content) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(content))), true
	case kind == 1 && len(floats) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(floats))), true
	case kind == 2 && len(content) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(content)), true
	case kind == 2 && len(doubles) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(doubles)), true
	}
	return 0, false
}

// field is one field of a message.
type field struct {
	bits  uint64 // of numbers
	bytes []byte // of messages, strings and packed numbers
}

// packed is a repeated number's bytes, whether it is packed or not.
func (f field) packed(size int) []byte {
	if f.bytes != nil {
		return f.bytes
	}
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], f.bits)
	return b[:size]
}

func fields(b []byte, f func(protowire.Number, field)) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("%w: %w", errFormat, protowire.ParseError(size))
		}
		b = b[size:]
		var v field
		switch kind {
		case protowire.VarintType:
			v.bits, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			v.bits, size = protowire.ConsumeFixed64(b)
		case protowire.Fixed32Type:
			var bits uint32
			bits, size = protowire.ConsumeFixed32(b)
			v.bits = uint64(bits)
		case protowire.BytesType:
			v.bytes, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return fmt.Errorf("%w: %w", errFormat, protowire.ParseError(size))
		}
		f(n, v)
		b = b[size:]
	}
	return nil
}
