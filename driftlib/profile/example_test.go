package profile_test

import (
	"bytes"
	"fmt"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
)

func ages() []profile.Column {
	c := profile.Column{Name: "age", Kind: profile.Numeric}
	for i := range 1000 {
		c.Floats = append(c.Floats, float64(i*37%100))
	}
	return []profile.Column{c}
}

func ExampleFromColumns() {
	p, _ := profile.FromColumns(ages(), profile.Options{})
	f := p.Features[0]
	fmt.Printf("%s: %d rows, mean %.1f, standard deviation %.2f\n", f.Name, f.Count, f.Moments.Mean, f.Moments.Std)
	// Output: age: 1000 rows, mean 49.5, standard deviation 28.87
}

func ExampleRead() {
	p, _ := profile.FromColumns(ages(), profile.Options{})
	var file bytes.Buffer
	_ = p.Write(&file)
	back, err := profile.Read(&file)
	fmt.Println(back.Features[0].Name, err)
	// Output: age <nil>
}

func ExampleBinner() {
	p, _ := profile.FromColumns(ages(), profile.Options{})
	b, _ := profile.NewBinner(&p.Features[0])
	fmt.Println(b.Label(b.Index(42)), b.Label(b.Index(1e9)))
	// Output: 05 (39.6, 49.5] 10c (99, inf)
}

func ExampleQuantile() {
	fmt.Println(profile.Quantile([]float64{1, 2, 3, 4}, .5))
	// Output: 2.5
}

func ExampleSort() {
	x := []float64{3, -1, 2}
	profile.Sort(x)
	fmt.Println(x)
	// Output: [-1 2 3]
}
