// Package streams tells what late labels say over real data: a stream whose
// accuracy falls, labels that come months late and not at random, a shift that
// confidence sees and one that it does not, a control that must stay quiet.
// Its tests run the stories; docs/labels.md has their figures.
package streams

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/sequential"
	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/monitor/labels"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// data is a table of numbers with a binary truth.
type data struct {
	rows  [][]float64
	truth []bool
	names map[string]int
	text  []map[string]string // columns that are text
}

// read reads a gzipped CSV file. Text columns become the share of positives
// that their value has among the first rows, which train the model.
func read(path, target, positive string, exclude []string, train int) (*data, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	lines, err := csv.NewReader(z).ReadAll()
	if err != nil {
		return nil, err
	}
	head, lines := lines[0], lines[1:]
	at := slices.Index(head, target)
	if at < 0 {
		return nil, fmt.Errorf("%s has no column %q", path, target)
	}
	d := &data{names: map[string]int{}, rows: make([][]float64, len(lines)), text: make([]map[string]string, len(lines))}
	for i, l := range lines {
		d.truth = append(d.truth, l[at] == positive)
		d.text[i] = map[string]string{}
	}
	for c, name := range head {
		if c == at || slices.Contains(exclude, name) {
			continue
		}
		d.names[name] = len(d.names)
		d.column(lines, c, name, train)
	}
	return d, nil
}

func (d *data) column(lines [][]string, c int, name string, train int) {
	numeric := true
	for _, l := range lines[:min(200, len(lines))] {
		if _, err := strconv.ParseFloat(l[c], 64); err != nil {
			numeric = false
		}
	}
	right, all := map[string]float64{}, map[string]float64{}
	for i, l := range lines[:train] {
		all[l[c]]++
		if d.truth[i] {
			right[l[c]]++
		}
	}
	for i, l := range lines {
		v, err := strconv.ParseFloat(l[c], 64)
		if !numeric {
			v = (right[l[c]] + 1) / (all[l[c]] + 4)
			d.text[i][name] = l[c]
		} else if err != nil {
			v = 0
		}
		d.rows[i] = append(d.rows[i], v)
	}
}

// pick are some rows.
func (d *data) pick(index []int) (rows [][]float64, truth []bool) {
	for _, i := range index {
		rows, truth = append(rows, d.rows[i]), append(truth, d.truth[i])
	}
	return rows, truth
}

// watch is gnomon's label monitor over a stream, on a clock of its own.
type watch struct {
	now     time.Time
	joiner  *labels.Joiner
	monitor *labels.Monitor
	pending []pending // labels that are to come, in order of time
	n       int
	alarmed int // predictions until the first alarm; 0: none
}

type pending struct {
	at    time.Time
	label record.Label
}

func class(positive bool) string {
	if positive {
		return "1"
	}
	return "0"
}

// newWatch watches a model whose reference is some labelled rows that did not
// train it.
func newWatch(m *logistic, rows [][]float64, truth []bool, start time.Time, ttl time.Duration, window int, windows ...time.Duration) (*watch, error) {
	w := &watch{now: start}
	clock := func() time.Time { return w.now }
	name := func(i int) string { return strconv.Itoa(i) }
	w.monitor = labels.New(labels.Settings{Model: "m", Version: "1", Classes: []string{"0", "1"}, Class: name, TTL: ttl, Window: window, Windows: windows,
		Keep: 20_000, Complete: .9, Slices: 10, Now: clock})
	var answers []labels.Answer
	wrong := 0
	for i, r := range rows {
		a := answer(m.score(r))
		a.Truth = class(truth[i])
		if a.Class != a.Truth {
			wrong++
		}
		answers = append(answers, a)
	}
	ref := labels.NewReference(answers, name, 1)
	rate, err := sequential.NewRate(wrong, len(rows), sequential.Seed("story"), 1)
	if err != nil {
		return nil, err
	}
	ref.Detector, ref.Threshold = rate, 43_200 // one false alarm in 30 days of minutes
	w.monitor.SetReference(ref)
	w.joiner = labels.NewJoiner(labels.JoinSettings{Store: labelstore.NewMemory(200_000, 256<<20, clock), TTL: ttl,
		Monitor: func(string, string) *labels.Monitor { return w.monitor }, Stranger: func(string) (string, string) { return "m", "1" }, Now: clock})
	return w, nil
}

func answer(p float64) labels.Answer {
	return labels.Answer{Class: class(p >= .5), Confidence: math.Max(p, 1-p), Scores: []float32{float32(1 - p), float32(p)}}
}

// see is one prediction now; its label comes after a while, or never where
// delay is negative.
func (w *watch) see(p float64, truth bool, delay time.Duration, in ...string) {
	a := answer(p)
	id := strconv.Itoa(w.n)
	w.n++
	w.joiner.Predict([]*labels.Prediction{{ID: id, Model: "m", Version: "1", Time: w.now, Class: a.Class, Value: math.NaN(), Confidence: a.Confidence, Scores: a.Scores, Slices: in}})
	if delay < 0 {
		return
	}
	come := pending{w.now.Add(delay), record.Label{ID: id, Class: class(truth)}}
	i := sort.Search(len(w.pending), func(i int) bool { return w.pending[i].at.After(come.at) })
	w.pending = slices.Insert(w.pending, i, come)
}

// advance lets time pass and the labels come that are due.
func (w *watch) advance(d time.Duration) {
	w.now = w.now.Add(d)
	n := 0
	var list []record.Label
	for n < len(w.pending) && !w.pending[n].at.After(w.now) {
		list = append(list, w.pending[n].label)
		n++
	}
	w.pending = slices.Delete(w.pending, 0, n)
	w.monitor.Tick()
	w.joiner.Label(list)
	if w.alarmed == 0 && w.monitor.Alarm() {
		w.alarmed = w.n
	}
}

func (w *watch) result() *result.Performance { return w.monitor.Evaluate() }
