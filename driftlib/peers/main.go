// Command peers is driftlib's side of make bench-peers: it does one piece of
// work in memory and prints the CPU seconds that the work alone took, as
// peers.py does for the peers' side. bench.py runs both.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib"
	"github.com/gnomon-dev/gnomon/driftlib/cbpe"
	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/driftlib/verdict"
	"github.com/gnomon-dev/gnomon/driftlib/window"
)

// work is a piece of work: prepare reads and makes ready, the function that it
// gives back is measured and returns a figure to compare.
var works = map[string]func(dir string) (func() float64, error){
	"ks-batch":     ksBatch,
	"ks-presorted": ksPresorted,
	"ks-window":    ksWindow,
	"ingest":       ingest,
	"cbpe":         estimate,
	"all":          everything,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 || works[args[0]] == nil {
		return errors.New("give a work (ks-batch, ks-presorted, ks-window, ingest, cbpe, all) and the folder of the data")
	}
	runtime.GOMAXPROCS(1)
	do, err := works[args[0]](args[1])
	if err != nil {
		return err
	}
	runtime.GC()
	before := cpu()
	figure := do()
	fmt.Printf("{\"cpu_s\": %.6f, \"figure\": %.17g}\n", (cpu() - before).Seconds(), figure)
	return nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// columns reads a file of little-endian float64, column by column.
func columns(path string, n int) ([][]float64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows := len(b) / 8 / n
	out := make([][]float64, n)
	for k := range out {
		out[k] = make([]float64, rows)
		for i := range out[k] {
			out[k][i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*(k*rows+i):]))
		}
	}
	return out, nil
}

func both(dir string, n int) (ref, cur [][]float64, err error) {
	if ref, err = columns(filepath.Join(dir, "ref.f64"), n); err != nil {
		return nil, nil, err
	}
	cur, err = columns(filepath.Join(dir, "cur.f64"), n)
	return ref, cur, err
}

func ksBatch(dir string) (func() float64, error) {
	ref, cur, err := both(dir, 50)
	return func() (sum float64) {
		var s profile.Scratch
		for k := range ref {
			s.Sort(ref[k])
			s.Sort(cur[k])
			r, _ := driftlib.KolmogorovSmirnovSorted(ref[k], cur[k])
			sum += r.D
		}
		return sum
	}, err
}

func ksPresorted(dir string) (func() float64, error) {
	ref, cur, err := both(dir, 50)
	for k := range ref {
		profile.Sort(ref[k])
	}
	return func() (sum float64) {
		var s profile.Scratch
		for k := range ref {
			s.Sort(cur[k])
			r, _ := driftlib.KolmogorovSmirnovSorted(ref[k], cur[k])
			sum += r.D
		}
		return sum
	}, err
}

// everything is what gnomon drift computes of columns in memory: the reference's
// profile with bins and dependence in time, all statistics of the current side,
// verdicts adjusted over the columns.
func everything(dir string) (func() float64, error) {
	ref, cur, err := both(dir, 50)
	return func() (sum float64) {
		var s profile.Scratch
		results := make([]verdict.Result, len(ref))
		for k := range ref {
			p, err := profile.FromColumns([]profile.Column{{Name: "x", Kind: profile.Numeric, Floats: ref[k]}}, profile.Options{Sample: len(ref[k]), Scratch: &s})
			if err != nil {
				return math.NaN()
			}
			known, err := verdict.NewReference(&p.Features[0])
			if err != nil {
				return math.NaN()
			}
			s.Sort(cur[k])
			counts := make([]float64, known.Binner.Len())
			known.Binner.CountSorted(cur[k], counts)
			results[k] = verdict.Compare(known, verdict.Sample{Counts: counts, Sorted: cur[k]})
		}
		o := verdict.Defaults()
		o.Independent = true
		verdict.Adjust(results, o)
		for _, r := range results {
			sum += r.KS
		}
		return sum
	}, err
}

const windowRows = 10_000

// ksWindow is an evaluation: 100 features, each a full window against its
// presorted reference.
func ksWindow(dir string) (func() float64, error) {
	ref, cur, err := both(dir, 50)
	var sorted [][]float32
	var windows []*window.Sliding
	for k := range 2 * len(ref) {
		from := k / len(ref) * windowRows
		r := make([]float32, 0, windowRows)
		w := window.NewSliding(windowRows)
		for i := range windowRows {
			r = append(r, float32(ref[k%len(ref)][from+i]))
			w.Observe(float32(cur[k%len(ref)][from+i]), 0)
		}
		slices.Sort(r)
		sorted, windows = append(sorted, r), append(windows, w)
	}
	return func() (sum float64) {
		var values []float32
		var s profile.Scratch
		for k, w := range windows {
			values = w.Copy(values, 1).Values
			s.Sort32(values)
			d := driftlib.KSStatisticSorted(sorted[k], values)
			_ = driftlib.KSAsymptoticPValue(d, windowRows, windowRows)
			sum += d
		}
		return sum
	}, err
}

// ingest is bins and window of five million values, 50 features row by row.
func ingest(dir string) (func() float64, error) {
	ref, cur, err := both(dir, 50)
	if err != nil {
		return nil, err
	}
	var binners []*profile.Binner
	var windows []*window.Sliding
	var counts [][]uint64
	for k := range ref {
		p, err := profile.FromColumns([]profile.Column{{Name: "x", Kind: profile.Numeric, Floats: ref[k]}}, profile.Options{})
		if err != nil {
			return nil, err
		}
		b, err := profile.NewBinner(&p.Features[0])
		if err != nil {
			return nil, err
		}
		binners, windows, counts = append(binners, b), append(windows, window.NewSliding(windowRows)), append(counts, make([]uint64, b.Len()))
	}
	rows := make([]float64, 0, len(cur)*len(cur[0])) // as records bring them
	for i := range cur[0] {
		for k := range cur {
			rows = append(rows, cur[k][i])
		}
	}
	return func() float64 {
		for from := 0; from < len(rows); from += len(binners) {
			for k, v := range rows[from : from+len(binners)] {
				bin := binners[k].Index(v)
				counts[k][bin]++
				windows[k].Observe(float32(v), bin)
			}
		}
		return float64(len(rows))
	}, nil
}

// estimate is CBPE: scores.f64 holds the reference's scores, its labels and the
// current scores.
func estimate(dir string) (func() float64, error) {
	c, err := columns(filepath.Join(dir, "scores.f64"), 3)
	if err != nil {
		return nil, err
	}
	labels := make([]bool, len(c[1]))
	for i, v := range c[1] {
		labels[i] = v == 1
	}
	return func() float64 {
		calibrator, err := cbpe.Fit(c[0], labels)
		if err != nil {
			return math.NaN()
		}
		probability := make([]float64, len(c[2]))
		for i, s := range c[2] {
			probability[i] = calibrator.At(s)
		}
		e, err := cbpe.Binary(c[2], probability, .5)
		if err != nil {
			return math.NaN()
		}
		return e.ROCAUC.Value
	}, nil
}
