package oip

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// ErrCompression: a body that cannot be decompressed, or that is larger than
// the limit once it is.
var ErrCompression = errors.New("payload compression")

// Inflater undoes content encodings. Its readers are reused; safe for
// concurrent use.
type Inflater struct {
	limit int64
	gzips sync.Pool
}

// NewInflater returns an Inflater that makes at most limit bytes of a body.
func NewInflater(limit int64) *Inflater { return &Inflater{limit: limit} }

// Inflate returns the body as it was before its Content-Encoding; the body
// itself where there is none. Several encodings are undone from the last.
func (f *Inflater) Inflate(body []byte, encoding string) ([]byte, error) {
	if encoding == "" {
		return body, nil
	}
	names := strings.Split(encoding, ",")
	for i := len(names) - 1; i >= 0; i-- {
		var err error
		if body, err = f.one(body, strings.ToLower(strings.TrimSpace(names[i]))); err != nil {
			return nil, err
		}
	}
	return body, nil
}

func (f *Inflater) one(body []byte, name string) ([]byte, error) {
	switch name {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		r, _ := f.gzips.Get().(*gzip.Reader)
		if r == nil {
			r = new(gzip.Reader)
		}
		defer f.gzips.Put(r)
		if err := r.Reset(bytes.NewReader(body)); err != nil {
			return nil, fmt.Errorf("%w: read gzip: %w", ErrCompression, err)
		}
		return f.read(r)
	case "deflate":
		// The RFC means zlib's format; some send the bare stream.
		if r, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			return f.read(r)
		}
		return f.read(flate.NewReader(bytes.NewReader(body)))
	case "zstd":
		r, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(max(f.limit, 1<<20))))
		if err != nil {
			return nil, fmt.Errorf("%w: read zstd: %w", ErrCompression, err)
		}
		defer r.Close()
		return f.read(r)
	}
	return nil, fmt.Errorf("%w: unknown encoding %.40q", ErrCompression, name)
}

func (f *Inflater) read(r io.Reader) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(r, f.limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCompression, err)
	}
	if int64(len(out)) > f.limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrCompression, f.limit)
	}
	return out, nil
}
