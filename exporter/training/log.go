package training

import (
	"bytes"
	"fmt"
)

// jobLog reads what a job prints, for the lines that say that memory ran out.
// Lines are handed over one by one and kept nowhere.
type jobLog struct {
	path   string
	follow follower
}

// read hands every new whole line to see.
func (l *jobLog) read(see func(line string)) error {
	b, err := l.follow.next(l.path)
	if err != nil {
		return fmt.Errorf("log: %w", err)
	}
	end := bytes.LastIndexByte(b, '\n') + 1
	if len(b)-end > longestLine {
		end = len(b)
	}
	l.follow.keep(b[end:])
	for line := range bytes.Lines(b[:end]) {
		see(string(line[:min(len(line), 4096)]))
	}
	return nil
}
