// Package summary turns an input that is too wide to watch element by element
// into a few numbers whose distributions show what has become of it.
package summary

import "math"

// ImageNames are the summaries of an image, in the order of Image.
func ImageNames() []string {
	return []string{"mean", "std", "zero_ratio", "max_ratio", "sharpness", "border_mean"}
}

// Image appends to dst the summaries of one image of planes x height x width
// values (planes may be 1):
//
//	mean, std      of all values
//	zero_ratio     share of values that are exactly 0
//	max_ratio      share of values that equal the image's own maximum
//	sharpness      std of the Laplacian (4-neighbourhood, edges replicated) / std
//	border_mean    mean of the outermost pixels
//
// Together they see brightness, contrast, blur, noise, clipping, shifts,
// scaling and blank images. Sharpness is 0 for a constant image. Values that
// are not finite make the summaries NaN.
func Image(dst []float64, values []float32, planes, height, width int) []float64 {
	n := planes * height * width
	if n == 0 || len(values) < n {
		nan := math.NaN()
		return append(dst, nan, nan, nan, nan, nan, nan)
	}
	values = values[:n]
	var sum float64
	most := values[0]
	zeros := 0
	for _, v := range values {
		sum += float64(v)
		most = max(most, v)
		if v == 0 {
			zeros++
		}
	}
	mean := sum / float64(n)
	var squares float64
	atMost := 0
	for _, v := range values {
		d := float64(v) - mean
		squares += d * d
		if v == most {
			atMost++
		}
	}
	std := math.Sqrt(squares / float64(n))
	laplacian, border := texture(values, planes, height, width)
	sharpness := 0.0
	if std > 0 {
		sharpness = laplacian / std
	} else if std != std {
		sharpness = std
	}
	return append(dst, mean, std, float64(zeros)/float64(n), float64(atMost)/float64(n), sharpness, border)
}

// texture is the standard deviation of the Laplacian and the mean of the
// border.
func texture(values []float32, planes, height, width int) (laplacian, border float64) {
	var sum, squares, edge float64
	edges := 0
	for p := range planes {
		plane := values[p*height*width : (p+1)*height*width]
		at := func(y, x int) float64 {
			return float64(plane[min(max(y, 0), height-1)*width+min(max(x, 0), width-1)])
		}
		for y := range height {
			for x := range width {
				l := at(y-1, x) + at(y+1, x) + at(y, x-1) + at(y, x+1) - 4*at(y, x)
				sum += l
				squares += l * l
				if y == 0 || x == 0 || y == height-1 || x == width-1 {
					edge += at(y, x)
					edges++
				}
			}
		}
	}
	n := float64(planes * height * width)
	return math.Sqrt(max(squares/n-sum/n*sum/n, 0)), edge / float64(edges)
}
