package offline

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// inParallel does n independent things on as many processors as there are, each
// with scratch memory of its own. The error is that of the first thing, by
// number, that failed.
func inParallel(n int, do func(i int, s *scratch) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			s := &scratch{}
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				if errs[i] = do(int(i), s); errs[i] != nil {
					next.Store(int64(n)) // the others need not begin
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
