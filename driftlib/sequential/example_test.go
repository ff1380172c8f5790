package sequential_test

import (
	"fmt"
	"math/rand/v2"
	"sort"

	"github.com/gnomon-dev/gnomon/driftlib/sequential"
)

// A reference of a thousand values, 0 to 99.
func reference() []float64 {
	var out []float64
	for i := range 1000 {
		out = append(out, float64(i%100))
	}
	return out
}

// One feature is watched: edges, counts, detector; a tick a minute, an alarm at
// 43,200: one false alarm in 30 days.
func ExampleDetector() {
	sorted := reference()
	sort.Float64s(sorted)
	edges, _ := sequential.Edges(sorted, 64)
	bin := func(v float64) int { return 1 + sort.SearchFloat64s(edges, v) }
	counts := make([]float64, len(edges)+2) // missing, the bins, above the maximum
	for _, v := range sorted {
		counts[bin(v)]++
	}
	d, _ := sequential.New(counts, sequential.Seed("age"), sequential.NewBets(1))
	for i := range 10_000 {
		if i%10 == 0 {
			d.Tick()
		}
		d.Observe(bin(float64(50 + i*37%50))) // the upper half alone
		if d.Evidence() >= 43_200 {
			fmt.Println("alarm after", i+1, "records")
			break
		}
	}
	// Output: alarm after 41 records
}

func ExampleNew() {
	_, err := sequential.New([]float64{10}, 1, sequential.NewBets(1))
	fmt.Println(err)
	// Output: unusable reference: 1 bins in stratum 0
}

// A feature whose law depends on the hour, as the reference's does.
func ExampleNewStratified() {
	night, day := []float64{0, 900, 100, 0}, []float64{0, 100, 900, 0}
	d, _ := sequential.NewStratified([][]float64{night, day}, 7, sequential.NewBets(1))
	for i := range 500 {
		d.Tick()
		d.ObserveIn(i%2, 1+(i%2+map[bool]int{true: 1}[i%20 < 2])%2) // nine in ten as the hour is
	}
	fmt.Println("alarm:", d.Evidence() > 43_200)
	// Output: alarm: false
}

func ExampleGroup() {
	even := []float64{0, 250, 250, 250, 250, 0}
	g, _ := sequential.NewGroup([]sequential.Feature{
		{Name: "age", Ranks: even, Groups: even, Tau: 1, TauBins: 1},
		{Name: "income", Ranks: even, Groups: even, Tau: 1, TauBins: 1},
	}, 43_200, 1)
	for i := range 1000 {
		g.Tick()
		g.Observe(0, 1+i%4, 1+i%4)
		g.Observe(1, 3+i%2, 3+i%2) // lower half gone
		if blamed := g.Check(); blamed != nil {
			fmt.Println("feature", blamed, "after", i+1, "records:", g.Status(1).State)
			break
		}
	}
	// Output: feature [1] after 48 records: alarm
}

func ExampleEpisode() {
	e, _ := sequential.NewEpisode([]float64{500, 500}, 1, 1)
	e.Begin() // the detector has alarmed
	for range 200 {
		e.Observe(1)
	}
	fmt.Println(e.State())
	// Output: major
}

func ExampleRate() {
	d, _ := sequential.NewRate(100, 1000, sequential.Seed("errors"), 1)
	for i := range 1000 {
		d.Tick()
		d.Observe(i%3 == 0) // one in three is wrong, no longer one in ten
		if d.Evidence() >= 43_200 {
			fmt.Println("alarm after", i+1, "labels")
			break
		}
	}
	// Output: alarm after 49 labels
}

func ExampleDisagreement() {
	d, _ := sequential.NewDisagreement(.001)
	for i := range 1000 {
		d.Tick()
		d.Observe(i%20 == 0)
		if d.Evidence() >= 43_200 {
			fmt.Println("alarm after", i+1, "comparisons")
			break
		}
	}
	// Output: alarm after 81 comparisons
}

func ExampleNoiseFloor() {
	p, _ := sequential.NoiseFloor(2, 10_000)
	fmt.Printf("%.5f\n", p)
	// Output: 0.00084
}

func ExampleReliability() {
	d, _ := sequential.NewReliability([]int{400, 100}, []int{1000, 1000}, 3, 1) // of low and of high confidence
	for i := range 1000 {
		d.Tick()
		d.Observe(i%2, i%5 < 2) // high confidence is wrong in 40 % too, no longer in 10
		if d.Evidence() >= 43_200 {
			fmt.Println("alarm after", i+1, "labels")
			break
		}
	}
	// Output: alarm after 182 labels
}

func ExampleConfidenceEdges() {
	edges, _ := sequential.ConfidenceEdges([]float64{.5, .6, .7, .8, .9}, 2)
	fmt.Println(edges)
	// Output: [0.7]
}

func ExampleEdges() {
	edges, _ := sequential.Edges([]float64{1, 2, 3, 4, 5}, 4)
	fmt.Println(edges)
	// Output: [0.9999999999999999 2 3 4 5]
}

func ExampleTau() {
	var sequence []int
	for i := range 2000 {
		sequence = append(sequence, i/10*7919%4) // each value stays for ten rows
	}
	fmt.Println(sequential.Tau(sequence, []float64{500, 500, 500, 500}))
	// Output: 10.25
}

func ExampleTauStrata() {
	rng := rand.New(rand.NewPCG(1, 2))
	var sequence, hours []int
	for i := range 2400 {
		hours = append(hours, i/100%2)
		sequence = append(sequence, 2*hours[i]+rng.IntN(2)) // low by night, high by day
	}
	all, strata := []float64{600, 600, 600, 600}, [][]float64{{600, 600, 0, 0}, {0, 0, 600, 600}}
	fmt.Println(sequential.Tau(sequence, all) > 10, sequential.TauStrata(sequence, hours, strata))
	// Output: true 1
}

func ExampleTauBins() {
	var sequence []int
	for i := range 240 {
		sequence = append(sequence, i/3%4)
	}
	fmt.Printf("%.3f\n", sequential.TauBins(sequence, []float64{60, 60, 60, 60}))
	// Output: 2.114
}

func ExampleIntervalOfPSI() {
	i := sequential.IntervalOfPSI(.08, 5000, 500, 10, 1, 1)
	fmt.Printf("%.3f [%.3f, %.3f]\n", i.Adjusted, i.Lower, i.Upper)
	// Output: 0.060 [0.023, 0.110]
}

func ExampleSeed() {
	fmt.Println(sequential.Seed("age"))
	// Output: 16651413216827089244
}
