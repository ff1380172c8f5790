package training

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// errFormat: a file does not hold what it should.
var errFormat = errors.New("not in the expected format")

// follower reads what was added to a file since the last time. A file that has
// become shorter, or another file under its name, is read from its beginning.
type follower struct {
	offset int64
	info   os.FileInfo
	rest   []byte // the beginning of what is not complete yet
}

// mostRead bounds one read of one file; the next read goes on.
const mostRead = 8 << 20

// next returns the bytes that are new, after those that were left over.
func (f *follower) next(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w: no plain file", path, errFormat)
	}
	if f.info != nil && (!os.SameFile(f.info, info) || info.Size() < f.offset) {
		f.offset, f.rest = 0, nil
	}
	f.info = info
	b, err := io.ReadAll(io.NewSectionReader(file, f.offset, mostRead))
	if err != nil {
		return nil, err
	}
	f.offset += int64(len(b))
	return append(f.rest, b...), nil
}

// keep puts back what was not complete.
func (f *follower) keep(rest []byte) { f.rest = append([]byte(nil), rest...) }
