package offline

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

func TestInParallel(t *testing.T) {
	var sum atomic.Int64
	if err := inParallel(1000, func(i int, s *scratch) error {
		if s == nil {
			return errors.New("no scratch")
		}
		sum.Add(int64(i))
		return nil
	}); err != nil || sum.Load() != 1000*999/2 {
		t.Errorf("%v, sum %d", err, sum.Load())
	}
	if err := inParallel(100, func(i int, _ *scratch) error { return fmt.Errorf("thing %d", i) }); err == nil || err.Error() != "thing 0" {
		t.Errorf("%v, want the first thing's error", err)
	}
	if err := inParallel(0, nil); err != nil {
		t.Error(err)
	}
}
