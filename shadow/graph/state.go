package graph

import (
	"fmt"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Stateful says why the model keeps state between calls; "" where nothing
// shows that it does. State goes in and comes out: an input whose name says
// past, state, cache, hidden or cell and an output of the same element type
// and rank whose name is that input's counterpart, or an input that is a
// recurrent node's initial state while an output could be its last one.
//
// Samples of live traffic are no sequence: replayed one by one they meet
// another state than the primary had, and every comparison would be of two
// different questions.
func (m *Model) Stateful() string {
	for _, in := range m.Inputs {
		for _, out := range m.Outputs {
			if in.Type != out.Type || in.Type == tensor.Invalid || len(in.Shape) != len(out.Shape) {
				continue
			}
			if stem(in.Name) != "" && stem(in.Name) == stem(out.Name) {
				return fmt.Sprintf("input %q and output %q are its state", in.Name, out.Name)
			}
			for _, r := range m.Recurrent {
				if r == in.Name && len(in.Shape) == 3 && same(in.Shape, out.Shape) {
					return fmt.Sprintf("input %q is the initial state of a recurrent layer and output %q has the state's shape", in.Name, out.Name)
				}
			}
		}
	}
	return ""
}

func same(a, b []int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// stem is a state's name without what tells its way in from its way out; ""
// for a name that is no state's.
func stem(name string) string {
	n := strings.ToLower(name)
	state := false
	for _, word := range []string{"past", "present", "state", "cache", "hidden", "cell", "memory"} {
		state = state || strings.Contains(n, word)
	}
	for _, short := range []string{"h", "c"} { // h0 and hn, h_in and h_out
		state = state || n == short+"0" || n == short+"n" || n == short+"_0" || n == short+"_n" || n == short+"_in" || n == short+"_out"
	}
	if !state {
		return ""
	}
	// A word that tells the way is taken out; where there is none, a model has
	// no reason to name input and output alike.
	n = strings.ReplaceAll(n, "past_key_values", "past") // "past_key_values.0.key" becomes "present.0.key"
	for _, way := range []string{"past", "present", "initial", "final", "output", "input", "prev", "next", "new", "last", "out", "in"} {
		n = strings.ReplaceAll(n, way, "")
	}
	n = strings.TrimRight(strings.Trim(strings.ReplaceAll(n, "_", ""), ".-/ "), "0n") // h0 becomes hn, state becomes stateN
	if n == "" {
		n = "state"
	}
	return n
}
