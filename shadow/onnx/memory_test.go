package onnx

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"testing"
)

// resident is this process's memory in KiB.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize() / 1024
}

// TestMemoryStaysFlat over reloads and inferences of every kind of model: 150
// rounds, or as many as GNOMON_TEST_RELOADS says (10,000 take minutes).
func TestMemoryStaysFlat(t *testing.T) {
	if _, err := FindLibrary(""); err != nil {
		t.Skip(err)
	}
	rounds := 150
	if n, err := strconv.Atoi(os.Getenv("GNOMON_TEST_RELOADS")); err == nil {
		rounds = n
	}
	dir := t.TempDir()
	settings := []Settings{
		{Path: digitsModel, Providers: CPU(), MaxBatch: 16},             // prepared memory
		{Path: small("types"), Providers: CPU(), MaxBatch: 16},          // strings, as ONNX Runtime allocates
		{Path: small("zipmap"), Providers: CPU(), MaxBatch: 16},         // maps in sequences
		{Path: digitsModel, Providers: CPU(), MaxBatch: 4, Cache: dir},  // from the cache
		{Path: small("lstm"), Providers: CPU()},                         // refused
		{Path: digitsModel, Providers: CPU(), Digest: "sha256:another"}, // refused
	}
	round := func(s Settings) {
		e, err := Open(s)
		if err != nil {
			return
		}
		defer e.Close()
		batch := zeros(t, e, 8)
		batch = append(batch, nil) // an error is memory, too
		for range 10 {
			if _, err := e.Infer(context.Background(), batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	run := func(n int) int {
		for i := range n {
			round(settings[i%len(settings)])
		}
		debug.FreeOSMemory()
		return resident(t)
	}
	before := run(max(60, rounds/4))
	after := run(rounds)
	t.Logf("%d KiB, after %d more reloads %d KiB", before, rounds, after)
	if limit := before + 12*1024; after > limit {
		t.Errorf("%d KiB grew to %d KiB in %d reloads", before, after, rounds)
	}
}
