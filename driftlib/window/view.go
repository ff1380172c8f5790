package window

import "github.com/gnomon-dev/gnomon/driftlib/internal/radix"

// View is one evaluation after another of a Sliding window: it keeps the values
// sorted, takes in only what has arrived since, and takes out what has left, by
// one merge. Sorting everything again is left for the case that most of the
// window is new. Memory: 18 bytes a value of the window beside the window's
// own. Not safe for concurrent use; ingestion goes on meanwhile.
type View struct {
	w       *Sliding
	from    uint64
	to      uint64
	held    []uint64 // the slots from..to, 0 where one was missed, in a circle as in the window
	sorted  []float32
	spare   []float32
	arrived []float32
	left    []float32
	copy    Copy
}

// NewView returns a view of a window, with counts of bins bins.
func NewView(w *Sliding, bins int) *View {
	return &View{w: w, held: make([]uint64, w.Cap()), copy: Copy{Counts: make([]float64, max(bins, 0))}}
}

// mostlyNew is the share of the window from which on all of it is sorted anew.
const mostlyNew = 4

// Update is the window's content now, with Values sorted ascending. It holds
// until the next Update and must not be changed.
func (v *View) Update() Copy {
	from, to := v.w.span()
	if to-v.to > uint64(v.w.Cap()/mostlyNew) || from > v.to {
		v.rebuild(from, to)
		return v.copy
	}
	size := uint64(len(v.held))
	v.arrived, v.left = v.arrived[:0], v.left[:0]
	for n := v.from; n < from; n++ {
		v.leave(v.held[n%size])
	}
	for n := v.to; n < to; n++ {
		slot, ok := v.w.at(n)
		if !ok {
			slot = 0
		}
		v.held[n%size] = slot
		v.arrive(slot)
	}
	v.from, v.to = from, to
	radix.Float32s(v.arrived, nil)
	radix.Float32s(v.left, nil)
	v.merge()
	v.copy.Values = v.sorted
	return v.copy
}

func (v *View) rebuild(from, to uint64) {
	size := uint64(len(v.held))
	clear(v.copy.Counts)
	v.copy.N, v.copy.Values = 0, v.sorted[:0]
	for n := from; n < to; n++ {
		slot, ok := v.w.at(n)
		if !ok {
			slot = 0
		}
		v.held[n%size] = slot
		if ok {
			v.copy.add(slot)
		}
	}
	v.from, v.to, v.sorted = from, to, v.copy.Values
	if cap(v.spare) < len(v.sorted) {
		v.spare = make([]float32, len(v.held))
	}
	radix.Float32s(v.sorted, v.spare[:cap(v.spare)])
}

func (v *View) arrive(slot uint64) {
	if slot == 0 {
		return
	}
	c := Copy{Values: v.arrived, Counts: v.copy.Counts, N: v.copy.N}
	c.add(slot)
	v.arrived, v.copy.N = c.Values, c.N
}

func (v *View) leave(slot uint64) {
	if slot == 0 {
		return
	}
	x, bin := unpack(slot)
	v.copy.N--
	if bin < len(v.copy.Counts) {
		v.copy.Counts[bin]--
	}
	if x-x == 0 {
		v.left = append(v.left, x)
	}
}

// merge takes the left values out of the sorted ones and the arrived ones in.
func (v *View) merge() {
	if len(v.left) == 0 && len(v.arrived) == 0 {
		return
	}
	out := v.spare[:0]
	if need := len(v.sorted) + len(v.arrived); cap(out) < need {
		out = make([]float32, 0, max(need, len(v.held)))
	}
	left, arrived := v.left, v.arrived
	for _, x := range v.sorted {
		if len(left) > 0 && left[0] == x {
			left = left[1:]
			continue
		}
		for len(arrived) > 0 && arrived[0] < x {
			out = append(out, arrived[0])
			arrived = arrived[1:]
		}
		out = append(out, x)
	}
	out = append(out, arrived...)
	v.sorted, v.spare = out, v.sorted
}
