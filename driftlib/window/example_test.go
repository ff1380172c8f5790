package window_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/window"
)

func ExampleSliding() {
	w := window.NewSliding(3)
	for i, v := range []float32{1, 2, 3, 4} {
		w.Observe(v, i%2)
	}
	c := w.Copy(nil, 2)
	fmt.Println(c.N, c.Counts, w.Bytes(), "bytes") // the first value has left
	// Output: 3 [1 2] 24 bytes
}
