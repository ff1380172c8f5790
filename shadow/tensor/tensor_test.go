package tensor

import (
	"math"
	"testing"
)

// TestFloat16 goes through every half-precision number.
func TestFloat16(t *testing.T) {
	for h := range 1 << 16 {
		f := Float16ToFloat32(uint16(h))
		if f != f {
			if back := Float16ToFloat32(Float32ToFloat16(f)); back == back {
				t.Fatalf("%#x is NaN and comes back as %v", h, back)
			}
			continue
		}
		if back := Float32ToFloat16(f); back != uint16(h) {
			t.Fatalf("%#x is %v and comes back as %#x", h, f, back)
		}
	}
	for f, want := range map[float32]float32{1: 1, 65504: 65504, 65520: float32(math.Inf(1)), 1e-8: 0, 5.9604645e-8: 5.9604645e-8, 1.0009765: 1.0009766, -2.5: -2.5} {
		if got := Float16ToFloat32(Float32ToFloat16(f)); got != want {
			t.Errorf("%v becomes %v, want %v", f, got, want)
		}
	}
}

// TestEveryTypeHoldsItsNumbers writes and reads a value of each numeric type.
func TestEveryTypeHoldsItsNumbers(t *testing.T) {
	for _, d := range []DataType{Bool, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32, Uint64, Float16, BFloat16, Float32, Float64} {
		x, err := New("x", d, 1, 3)
		if err != nil {
			t.Errorf("%s: %v", d, err)
			continue
		}
		for i, v := range []float64{0, 1, 1} {
			x.SetFloat64(i, v)
		}
		got, err := x.AppendFloat64s(nil)
		if err != nil || len(got) != 3 || got[0] != 0 || got[1] != 1 || x.Float64At(2) != 1 {
			t.Errorf("%s: %v, %v", d, got, err)
		}
	}
}

func TestIntegersSaturate(t *testing.T) {
	for _, c := range []struct {
		d        DataType
		in, want float64
	}{{Int8, 300, 127}, {Int8, -300, -128}, {Uint8, -1, 0}, {Uint8, 256, 255}, {Int16, 1e9, 32767}, {Int32, math.NaN(), 0}} {
		x, err := New("x", c.d, 1)
		if err != nil {
			t.Fatal(err)
		}
		x.SetFloat64(0, c.in)
		if got := x.Float64At(0); got != c.want {
			t.Errorf("%v as %s is %v, want %v", c.in, c.d, got, c.want)
		}
	}
}

func TestFloat32sIsAView(t *testing.T) {
	x := FromFloat32s("x", []float32{1, 2, 3}, 1, 3)
	v, err := x.Float32s()
	if err != nil || len(v) != 3 || v[2] != 3 {
		t.Fatalf("%v, %v", v, err)
	}
	if y, err := New("y", Int64, 1, 1); err != nil {
		t.Fatal(err)
	} else if _, err := y.Float32s(); err == nil {
		t.Error("integers are no float32")
	}
}

func TestShapes(t *testing.T) {
	for _, shape := range [][]int64{{-1}, {1 << 40, 1 << 40}, {0, -2}} {
		if _, err := Elements(shape); err == nil {
			t.Errorf("%v has elements", shape)
		}
		if _, err := New("x", Float32, shape...); err == nil {
			t.Errorf("a tensor of shape %v", shape)
		}
	}
	if n, err := Elements(nil); n != 1 || err != nil {
		t.Errorf("a scalar has %d elements, %v", n, err)
	}
	if n, err := Elements([]int64{3, 0}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
