package performance_test

import (
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
)

func ExampleAveragePrecision() {
	m, _ := performance.AveragePrecision([]float64{.1, .4, .35, .8}, []bool{false, false, true, true})
	fmt.Printf("%.4f\n", m.Value)
	// Output: 0.8333
}

func ExampleBrier() {
	m, _ := performance.Brier([]float64{.9, .2, .7}, []bool{true, false, false})
	fmt.Printf("%.4f\n", m.Value)
	// Output: 0.1800
}

func ExampleBrierMulticlass() {
	m, _ := performance.BrierMulticlass([][]float64{{.7, .2, .1}, {.1, .3, .6}}, []int{0, 1})
	fmt.Printf("%.2f\n", m.Value)
	// Output: 0.50
}

func ExampleLogLoss() {
	m, _ := performance.LogLoss([]float64{.9, .8, .3}) // the probabilities of what happened
	fmt.Printf("%.4f\n", m.Value)
	// Output: 0.5108
}

func ExampleTopK() {
	m, _ := performance.TopK([][]float64{{.5, .3, .2}, {.1, .6, .3}, {.2, .3, .5}}, []int{1, 1, 0}, 2)
	fmt.Println(m)
	// Output: 0.6667 [0.2077, 0.9385] (n=3)
}

func ExampleProportion() {
	m, _ := performance.Proportion(45, 50)
	fmt.Println(m)
	// Output: 0.9000 [0.7864, 0.9565] (n=50)
}

func ExampleMean() {
	m, _ := performance.Mean([]float64{2, 4, 6, 8})
	fmt.Println(m)
	// Output: 5.0000 [0.8915, 9.1085] (n=4)
}

func ExampleRegress() {
	r, _ := performance.Regress([]float64{3, 5, 2, 0}, []float64{2.5, 5, 3, 0})
	fmt.Printf("MAE %.3f, RMSE %.3f, R2 %.3f, MAPE %v\n", r.MAE.Value, r.RMSE.Value, r.R2.Value, r.MAPE)
	// Output: MAE 0.375, RMSE 0.559, R2 0.904, MAPE undefined: an actual value is 0
}

func ExampleCoverage() {
	m, _ := performance.Coverage([]float64{1, 2, 3}, []float64{0, 0, 0}, []float64{2, 2, 2})
	fmt.Println(m)
	// Output: 0.6667 [0.2077, 0.9385] (n=3)
}

func ExampleRank() {
	r, _ := performance.Rank([]performance.Query{{Relevance: []float64{0, 1, 2}, Score: []float64{.9, .5, .7}}}, 2)
	fmt.Printf("NDCG@2 %.3f, MRR %.1f, hits %.0f\n", r.NDCG.Value, r.MRR.Value, r.HitRate.Value)
	// Output: NDCG@2 0.480, MRR 0.5, hits 1
}

func ExampleDetect() {
	car := performance.Box{Class: "car", At: [4]float64{10, 10, 50, 50}}
	near := performance.Box{Class: "car", Score: .9, At: [4]float64{12, 10, 52, 50}}
	none := performance.Box{Class: "car", Score: .4, At: [4]float64{100, 100, 140, 140}}
	d, err := performance.Detect([]performance.Image{{Found: []performance.Box{near, none}, Objects: []performance.Box{car}}})
	if err != nil {
		panic(err)
	}
	fmt.Printf("precision %.2f, recall %.2f, AP50 %.2f, AP %.2f\n", d.Precision.Value, d.Recall.Value, d.AP50.Value, d.AP.Value)
	// Output: precision 0.50, recall 1.00, AP50 1.00, AP 0.90
}

func ExampleIoU() {
	fmt.Printf("%.4f\n", performance.IoU([4]float64{0, 0, 10, 10}, [4]float64{5, 0, 15, 10})) // 50 of 150
	// Output: 0.3333
}
