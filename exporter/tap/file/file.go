// Package file is the tap that reads recorded traffic: JSON Lines as package
// jsonl describes them, plain or gzip.
package file

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonl"
)

// Name is the tap's name in metrics and records.
const Name = "file"

// ErrLine is a line that is no record; reading can go on behind it.
var ErrLine = jsonl.ErrLine

// Reader reads records from a stream. Not safe for concurrent use.
type Reader struct {
	in      *bufio.Reader
	decoder *jsonl.Decoder
	limit   int
	number  int
	line    []byte
}

// NewReader returns a Reader of lines of up to limit bytes (64 MiB where 0).
// A stream that is gzip is decompressed, whatever its name. now is the time
// of records without one.
func NewReader(r io.Reader, o oip.Observer, limit int, now func() time.Time) (*Reader, error) {
	if limit <= 0 {
		limit = 64 << 20
	}
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		in = bufio.NewReaderSize(z, 64<<10)
	}
	return &Reader{in: in, decoder: jsonl.NewDecoder(Name, o, now), limit: limit}, nil
}

// Next returns the next capture, its records decoded. The error is io.EOF at
// the end; ErrLine with the line's number where the line is no record, after
// which Next may be called again; or that of the stream.
func (r *Reader) Next() (*record.Capture, error) {
	for {
		tooLong, err := r.read()
		if err != nil {
			return nil, err
		}
		if tooLong {
			return nil, fmt.Errorf("line %d: %w: longer than %d bytes", r.number, ErrLine, r.limit)
		}
		if len(r.line) == 0 {
			continue
		}
		c, err := r.decoder.Decode(r.line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", r.number, err)
		}
		return c, nil
	}
}

// read puts the next line, trimmed, into r.line.
func (r *Reader) read() (tooLong bool, err error) {
	r.line = r.line[:0]
	r.number++
	for {
		part, err := r.in.ReadSlice('\n')
		if len(r.line)+len(part) > r.limit {
			tooLong = true
		} else {
			r.line = append(r.line, part...)
		}
		switch {
		case err == nil, err == io.EOF && (len(r.line) > 0 || tooLong):
			r.line = bytes.TrimSpace(bytes.TrimPrefix(r.line, []byte("\xef\xbb\xbf")))
			return tooLong, nil
		case err == bufio.ErrBufferFull:
		case err == io.EOF:
			return false, io.EOF
		default:
			return false, fmt.Errorf("line %d: %w", r.number, err)
		}
	}
}

// Settings is what a Source is made of.
type Settings struct {
	Path     string
	Observer oip.Observer
	// Full tells to wait: a file does not drop what it could read later. Nil:
	// never.
	Full   func() bool
	Logger *slog.Logger
	Now    func() time.Time
}

// Source implements pipeline.Source.
type Source struct{ s Settings }

// New returns a Source of the file's records. The file is opened by Run.
func New(s Settings) *Source {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return &Source{s: s}
}

// Run emits every record of the file once, in order, and returns. Lines that
// are no records are counted and passed over; the first is logged.
func (s *Source) Run(ctx context.Context, emit func(*record.Capture)) error {
	f, err := os.Open(s.s.Path)
	if err != nil {
		return fmt.Errorf("open recorded traffic: %w", err)
	}
	defer f.Close()
	r, err := NewReader(f, s.s.Observer, 0, s.s.Now)
	if err != nil {
		return fmt.Errorf("open %s: %w", s.s.Path, err)
	}
	bad := 0
	for s.wait(ctx) {
		c, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, ErrLine):
			if bad++; bad == 1 {
				s.s.Logger.Warn("recorded traffic has a line that is no record; such lines are counted and passed over", "file", s.s.Path, "err", err)
			}
			continue
		case err != nil:
			return fmt.Errorf("read %s: %w", s.s.Path, err)
		}
		emit(c)
	}
	return nil
}

// wait returns when there is room, or false when ctx ends.
func (s *Source) wait(ctx context.Context) bool {
	for ctx.Err() == nil {
		if s.s.Full == nil || !s.s.Full() {
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}
