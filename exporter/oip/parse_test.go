package oip

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// view is a tensor as a test states it.
type view struct {
	Name  string
	Type  string
	Shape []int64
	Data  any // []float64 or []string
}

func views(t testing.TB, tensors []tensor.Tensor) []view {
	t.Helper()
	var out []view
	for _, x := range tensors {
		v := view{Name: x.Name, Type: x.Type.String(), Shape: slices.Clone(x.Shape)}
		if err := x.Validate(); err != nil {
			t.Errorf("not valid: %v", err)
		}
		if x.Type == tensor.Bytes {
			s := []string{}
			for _, e := range x.Strings {
				s = append(s, string(e))
			}
			v.Data = s
		} else {
			f, err := x.AppendFloat64s([]float64{})
			if err != nil {
				t.Error(err)
			}
			v.Data = f
		}
		out = append(out, v)
	}
	return out
}

func one(name, dt string, shape []int64, data any) []view {
	return []view{{name, dt, shape, data}}
}

func TestParseLenient(t *testing.T) {
	type f = []float64
	type i = []int64
	for _, c := range []struct {
		name, body string
		want       []view
		odd        []Kind
	}{
		{"flat", `{"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2.5,-3e2,0]}]}`, one("x", "FP32", i{2, 2}, f{1, 2.5, -300, 0}), nil},
		{"nested", ` { "inputs" : [ { "name" : "x" , "shape" : [ 2 , 2 ] , "datatype" : "FP32" , "data" : [ [ 1 , 2 ] , [ 3 , 4 ] ] } ] } `, one("x", "FP32", i{2, 2}, f{1, 2, 3, 4}), nil},
		{"data before datatype and shape", `{"inputs":[{"data":[1,2],"datatype":"INT8","shape":[2],"name":"x"}]}`, one("x", "INT8", i{2}, f{1, 2}), nil},
		{"empty", `{"inputs":[{"name":"x","shape":[0,4],"datatype":"FP32","data":[]}]}`, one("x", "FP32", i{0, 4}, f{}), nil},
		{"scalar shape", `{"inputs":[{"name":"x","shape":[],"datatype":"FP64","data":[7]}]}`, one("x", "FP64", nil, f{7}), nil},
		{"shape of nothing for many", `{"inputs":[{"name":"x","shape":[],"datatype":"FP64","data":[7,8]}]}`, one("x", "FP64", i{2}, f{7, 8}), []Kind{ShapeMismatch}},
		{"shape is a number", `{"inputs":[{"name":"x","shape":3,"datatype":"INT64","data":[1,2,3]}]}`, one("x", "INT64", i{3}, f{1, 2, 3}), []Kind{ShapeNotArray}},
		{"shape is strings", `{"inputs":[{"name":"x","shape":["1","3"],"datatype":"INT64","data":["1","-2","3"]}]}`, one("x", "INT64", i{1, 3}, f{1, -2, 3}), []Kind{ShapeString, NumberString}},
		{"shape of -1", `{"inputs":[{"name":"x","shape":[-1,2],"datatype":"FP32","data":[1,2,3,4]}]}`, one("x", "FP32", i{2, 2}, f{1, 2, 3, 4}), []Kind{ShapeNegative}},
		{"shape is -1", `{"inputs":[{"name":"x","shape":-1,"datatype":"FP32","data":[1,2]}]}`, one("x", "FP32", i{2}, f{1, 2}), []Kind{ShapeNotArray, ShapeNegative}},
		{"no shape", `{"inputs":[{"name":"x","datatype":"FP32","data":[[1,2],[3,4]]}]}`, one("x", "FP32", i{2, 2}, f{1, 2, 3, 4}), []Kind{ShapeMissing}},
		{"wrong shape", `{"inputs":[{"name":"x","shape":[3],"datatype":"FP32","data":[[1,2],[3,4]]}]}`, one("x", "FP32", i{2, 2}, f{1, 2, 3, 4}), []Kind{ShapeMismatch}},
		{"ragged", `{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3]]}]}`, one("x", "FP32", i{3}, f{1, 2, 3}), []Kind{ShapeMismatch, Ragged}},
		{"no datatype", `{"inputs":[{"name":"x","shape":[2],"data":[1,2.5]}]}`, one("x", "FP64", i{2}, f{1, 2.5}), []Kind{DatatypeMissing}},
		{"no datatype, text", `{"inputs":[{"name":"x","shape":[1],"data":["a"]}]}`, one("x", "BYTES", i{1}, []string{"a"}), []Kind{DatatypeMissing}},
		{"no datatype, booleans", `{"inputs":[{"name":"x","shape":[1,2],"data":[[true,false]]}]}`, one("x", "BOOL", i{1, 2}, f{1, 0}), []Kind{DatatypeMissing}},
		{"another spelling", `{"inputs":[{"name":"x","shape":[1],"datatype":"TYPE_FP32","data":[1]}]}`, one("x", "FP32", i{1}, f{1}), []Kind{DatatypeAlias}},
		{"unknown datatype", `{"inputs":[{"name":"x","shape":[1],"datatype":"QINT4","data":[1]}]}`, one("x", "FP64", i{1}, f{1}), []Kind{DatatypeUnknown}},
		{"python's literals", `{"inputs":[{"name":"x","shape":[4],"datatype":"FP32","data":[NaN,Infinity,-Infinity,1]}]}`, nil, []Kind{NonFiniteLiteral}},
		{"null", `{"inputs":[{"name":"x","shape":[2],"datatype":"INT32","data":[null,4]}]}`, one("x", "INT32", i{2}, f{0, 4}), []Kind{NullElement}},
		{"numbers as strings", `{"inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":["1.5"," 2 "]}]}`, one("x", "FP32", i{2}, f{1.5, 2}), []Kind{NumberString}},
		{"fraction in an integer", `{"inputs":[{"name":"x","shape":[2],"datatype":"INT32","data":[1.0,2.6]}]}`, one("x", "INT32", i{2}, f{1, 3}), []Kind{TypeMismatch}},
		{"beyond the range", `{"inputs":[{"name":"x","shape":[4],"datatype":"UINT8","data":[256,-1,255,1e9]}]}`, one("x", "UINT8", i{4}, f{255, 0, 255, 255}), []Kind{NumberOutOfRange}},
		{"extremes", `{"inputs":[{"name":"x","shape":[2],"datatype":"INT64","data":[-9223372036854775808,9223372036854775807]}]}`, one("x", "INT64", i{2}, f{-9223372036854775808, 9223372036854775807}), nil},
		{"largest", `{"inputs":[{"name":"x","shape":[2],"datatype":"UINT64","data":[18446744073709551615,18446744073709551616]}]}`, one("x", "UINT64", i{2}, f{18446744073709551615, 18446744073709551615}), []Kind{NumberOutOfRange}},
		{"numbers as booleans", `{"inputs":[{"name":"x","shape":[3],"datatype":"BOOL","data":[1,0,true]}]}`, one("x", "BOOL", i{3}, f{1, 0, 1}), []Kind{TypeMismatch}},
		{"text", `{"inputs":[{"name":"x","shape":[3],"datatype":"BYTES","data":["a","\u00e9\n","\ud800"]}]}`, one("x", "BYTES", i{3}, []string{"a", "é\n", "\uFFFD"}), nil},
		{"numbers as text", `{"inputs":[{"name":"x","shape":[2],"datatype":"BYTES","data":[1.50,null]}]}`, one("x", "BYTES", i{2}, []string{"1.50", ""}), []Kind{TypeMismatch, NullElement}},
		{"one value without an array", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":5}]}`, one("x", "FP32", i{1}, f{5}), []Kind{TypeMismatch}},
		{"protobuf's JSON", `{"inputs":[{"name":"x","shape":["1"],"datatype":"FP32","contents":{"fp32_contents":[5]}}]}`, one("x", "FP32", i{1}, f{5}), []Kind{ShapeString, ContentsObject}},
		{"by name", `{"inputs":{"a":[[1,2]]}}`, one("a", "FP64", i{1, 2}, f{1, 2}), []Kind{ShapeMissing, DatatypeMissing, TensorsByName}},
		{"id is a number", `{"id":17,"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}`, one("x", "FP32", i{1}, f{5}), []Kind{IDNotString}},
		{"byte order mark", "\xef\xbb\xbf" + `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}`, one("x", "FP32", i{1}, f{5}), []Kind{ByteOrderMark}},
		{"something behind", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]} {}`, one("x", "FP32", i{1}, f{5}), []Kind{TrailingData}},
		{"asked outputs are no tensors", `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[5]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}],"parameters":null}`, one("x", "FP32", i{1}, f{5}), nil},
		{"shared memory beside", `{"inputs":[{"name":"s","shape":[1],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":4}},{"name":"x","shape":[1],"datatype":"FP32","data":[5]}]}`, one("x", "FP32", i{1}, f{5}), []Kind{SharedMemory}},
		{"half precision", `{"inputs":[{"name":"x","shape":[3],"datatype":"FP16","data":[1,65504,1e-7]}]}`, one("x", "FP16", i{3}, f{1, 65504, 1.1920928955078125e-07}), nil},
		{"bfloat", `{"inputs":[{"name":"x","shape":[2],"datatype":"BF16","data":[1,3.14159]}]}`, one("x", "BF16", i{2}, f{1, 3.140625}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var m Message
			if err := Parse([]byte(c.body), -1, &m); err != nil {
				t.Fatal(err)
			}
			got := views(t, m.Tensors)
			if c.want != nil {
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("tensors (-want +got):\n%s", d)
				}
			}
			if d := cmp.Diff(c.odd, m.Oddities()); d != "" {
				t.Errorf("oddities (-want +got):\n%s", d)
			}
		})
	}
}

func TestNonFiniteLiterals(t *testing.T) {
	var m Message
	if err := Parse([]byte(`{"inputs":[{"name":"x","shape":[3],"datatype":"FP64","data":[NaN,-Infinity,"Infinity"]}]}`), -1, &m); err != nil {
		t.Fatal(err)
	}
	x := m.Tensors[0]
	if !math.IsNaN(x.Float64At(0)) || !math.IsInf(x.Float64At(1), -1) || !math.IsInf(x.Float64At(2), 1) {
		t.Errorf("got %v", views(t, m.Tensors))
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		body string
		want error
	}{
		{``, ErrSyntax}, {`[`, ErrSyntax}, {`{`, ErrSyntax}, {`null`, ErrSyntax}, {`{"inputs":[{"name":"x"`, ErrSyntax},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":[1`, ErrSyntax},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":[1 2]}]}`, ErrSyntax},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":[1,]}]}`, ErrSyntax},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":[[1],2]}]}`, ErrSyntax},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":[{"b64":"AA=="}]}]}`, ErrSyntax},
		{`{"inputs":` + strings.Repeat("[", 10_000), ErrSyntax},
		{`{"a":` + strings.Repeat(`{"a":`, 10_000), ErrSyntax},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","data":` + strings.Repeat("[", 10_000), ErrSyntax},
		{`{}`, ErrNoTensors}, {`{"instances":[[1,2]]}`, ErrNoTensors}, {`{"inputs":[]}`, ErrNoTensors}, {`{"inputs":null}`, ErrNoTensors},
		{`{"inputs":[{"name":"s","shape":[1],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}]}`, ErrNoTensors},
		{`{"inputs":[{"shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}abc`, ErrSyntax},
	} {
		var m Message
		if err := Parse([]byte(c.body), -1, &m); !errors.Is(err, c.want) {
			t.Errorf("Parse(%.60s) = %v, want %v", c.body, err, c.want)
		}
		if len(m.Oddities()) == 0 {
			t.Errorf("Parse(%.60s): refused and not counted", c.body)
		}
	}
}

// A promise of 10^15 elements must not become memory.
func TestShapePromisesAreNotBelieved(t *testing.T) {
	body := []byte(`{"inputs":[{"name":"x","shape":[1000000,1000000,1000],"datatype":"FP64","data":[1]}]}`)
	var m Message
	if err := Parse(body, -1, &m); err != nil {
		t.Fatal(err)
	}
	if c := cap(m.Tensors[0].Data); c > 1024 {
		t.Errorf("%d bytes for one element", c)
	}
}

func TestBinaryTensors(t *testing.T) {
	want := Message{ID: "b", Tensors: []tensor.Tensor{
		tensor.FromFloat32s("x", []float32{1, 2, 3, 4}, 2, 2),
		{Name: "s", Type: tensor.Bytes, Shape: []int64{2}, Strings: [][]byte{[]byte("one"), {}}},
		{Name: "h", Type: tensor.Float16, Shape: []int64{1}, Data: []byte{0, 0x3c}},
	}}
	body, n, err := EncodeBinaryRequest(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Message
	if err := Parse(body, n, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(views(t, want.Tensors), views(t, got.Tensors)); d != "" || got.ID != "b" || got.odd != 0 {
		t.Errorf("id %q, oddities %v (-want +got):\n%s", got.ID, got.Oddities(), d)
	}
	// As KServe's logger sends it: without the header.
	if err := Parse(body, -1, &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(views(t, want.Tensors), views(t, got.Tensors)); d != "" || !got.odd.has(BinaryLengthAbsent) {
		t.Errorf("oddities %v (-want +got):\n%s", got.Oddities(), d)
	}
	// Cut short.
	if err := Parse(body[:len(body)-3], n, &got); !errors.Is(err, ErrSyntax) || !got.odd.has(BinarySize) {
		t.Errorf("cut short: %v, %v", err, got.Oddities())
	}
	// One input, no JSON at all.
	if err := Parse([]byte{1, 2, 3}, 0, &got); err != nil || !bytes.Equal(got.Tensors[0].Strings[0], []byte{1, 2, 3}) {
		t.Errorf("raw body: %v, %+v", err, got.Tensors)
	}
}

func TestEncodeReadsBack(t *testing.T) {
	floats := []float32{0, 1, -1.5, 1e-45, 3.4028235e38, 0.1, 16777217, float32(math.Inf(1))}
	want := Message{ID: `a"b`, Model: "m", Version: "2", Tensors: []tensor.Tensor{
		tensor.FromFloat32s("x", floats, 2, 4),
		{Name: "i", Type: tensor.Int64, Shape: []int64{1}, Data: []byte{255, 255, 255, 255, 255, 255, 255, 127}},
		{Name: "u", Type: tensor.Uint64, Shape: []int64{1}, Data: []byte{255, 255, 255, 255, 255, 255, 255, 255}},
		{Name: "b", Type: tensor.Bool, Shape: []int64{2}, Data: []byte{0, 1}},
		{Name: "s", Type: tensor.Bytes, Shape: []int64{1}, Strings: [][]byte{[]byte("é\"\n")}},
		{Name: "i8", Type: tensor.Int8, Shape: []int64{1}, Data: []byte{0x80}},
	}}
	body, err := EncodeResponse(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Message
	if err := Parse(body, -1, &got); err != nil {
		t.Fatal(err)
	}
	if got.ID != want.ID || got.Model != "m" || got.Version != "2" {
		t.Errorf("heads: %q %q %q", got.ID, got.Model, got.Version)
	}
	for k := range want.Tensors {
		if !bytes.Equal(want.Tensors[k].Data, got.Tensors[k].Data) {
			t.Errorf("%s: %v, want %v", want.Tensors[k].Name, got.Tensors[k].Data, want.Tensors[k].Data)
		}
	}
	if _, err := EncodeRequest(Message{Tensors: []tensor.Tensor{{Name: "x", Type: tensor.Float32, Shape: []int64{2}}}}); !errors.Is(err, tensor.ErrShape) {
		t.Errorf("a tensor without its data: %v", err)
	}
}

// Every literal must become the float32 that strconv makes of it.
func TestFloat32IsCorrectlyRounded(t *testing.T) {
	check := func(s string) {
		b := []byte(s)
		d, next := scanNumber(b, 0)
		if next != len(b) {
			t.Fatalf("%q: scanned %d bytes", s, next)
		}
		want, _ := strconv.ParseFloat(s, 32)
		if got := d.float32(b); math.Float32bits(got) != math.Float32bits(float32(want)) {
			t.Fatalf("%q = %x, want %x", s, math.Float32bits(got), math.Float32bits(float32(want)))
		}
		padded := append([]byte(s), ",                    "...)
		if got, next, ok := plainFloat32(padded, 0); ok && (math.Float32bits(got) != math.Float32bits(float32(want)) || next != len(s)) {
			t.Fatalf("%q = %x up to %d, want %x", s, math.Float32bits(got), next, math.Float32bits(float32(want)))
		}
		want, _ = strconv.ParseFloat(s, 64)
		if got := d.float64(b); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%q = %x, want %x in double precision", s, math.Float64bits(got), math.Float64bits(want))
		}
	}
	for _, s := range []string{"0", "-0", "0.0", "1e400", "-1e400", "1e-400", "3.4028235e38", "3.4028236e38", "340282356779733661637539395458142568447",
		"1.401298464324817e-45", "7.006492321624085e-46", "7.006492321624086e-46", "1.17549435e-38", "16777217", "9007199254740993", "0.1", "1E5", "1e+5",
		"12345678901234567890", "0.00000000000000000000000000000000000001234567890123", "9999999999999999999", "123456789012345678901234567890"} {
		check(s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		f := math.Float32frombits(r.Uint32())
		if f != f || math.IsInf(float64(f), 0) {
			continue
		}
		check(strconv.FormatFloat(float64(f), 'g', -1, 32))
		check(strconv.FormatFloat(float64(f), 'g', r.IntN(20)+1, 64))
		u := r.Float32()*20 - 10
		check(strconv.FormatFloat(float64(u), 'f', -1, 32))
		check(strconv.FormatFloat(float64(u), 'f', r.IntN(17), 64))
		check(strconv.FormatFloat((float64(u)+float64(math.Nextafter32(u, 10)))/2, 'f', -1, 64))
		// The midpoint to the next float, and its neighbours in double precision.
		next := math.Nextafter32(f, float32(math.Inf(1)))
		if math.IsInf(float64(next), 0) {
			continue
		}
		middle := (float64(f) + float64(next)) / 2
		for _, m := range []float64{middle, math.Nextafter(middle, 0), math.Nextafter(middle, math.Inf(1))} {
			check(strconv.FormatFloat(m, 'g', -1, 64))
			check(strconv.FormatFloat(m, 'e', 19, 64))
		}
	}
}

// oracle reads the same body with encoding/json.
func oracle(body []byte) (tensors []struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Data     []any  `json:"data"`
}, ok bool) {
	var m struct {
		Inputs json.RawMessage `json:"inputs"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if d.Decode(&m) != nil {
		return nil, false
	}
	d = json.NewDecoder(bytes.NewReader(m.Inputs))
	d.UseNumber()
	return tensors, d.Decode(&tensors) == nil
}

func flatten(data []any, out []json.Number) []json.Number {
	for _, e := range data {
		switch e := e.(type) {
		case json.Number:
			out = append(out, e)
		case []any:
			out = flatten(e, out)
		default:
			return nil
		}
	}
	return out
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2.5],[-3e2,0]]}]}`), -1)
	f.Add([]byte(`{"inputs":[{"name":"x","shape":["2"],"datatype":"INT64","data":["1",null]}],"outputs":[{"name":"y"}]}`), -1)
	f.Add([]byte(`{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":7}}]}`+"\x03\x00\x00\x00abc"), 88)
	f.Add([]byte(`{"inputs":{"a":[[1,2]],"b":["x"]}}`), -1)
	f.Add([]byte(`{"outputs":[{"data":[true,NaN,-Infinity],"shape":-1}]}`), -1)
	f.Fuzz(func(t *testing.T, body []byte, jsonLength int) {
		var m Message
		if err := Parse(body, jsonLength, &m); err != nil {
			return
		}
		for _, x := range m.Tensors {
			if err := x.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		if jsonLength >= 0 || m.odd != 0 {
			return
		}
		compareWithOracle(t, body, &m)
	})
}

// compareWithOracle checks numeric FP32 inputs bit by bit, where the message
// is plain enough for encoding/json.
func compareWithOracle(t *testing.T, body []byte, m *Message) {
	want, ok := oracle(body)
	if !ok || len(want) != len(m.Tensors) {
		return
	}
	for k, w := range want {
		x := m.Tensors[k]
		if w.Datatype != "FP32" || x.Type != tensor.Float32 || x.Name != w.Name {
			continue
		}
		numbers := flatten(w.Data, nil)
		if len(numbers) != x.Len() {
			continue
		}
		for i, n := range numbers {
			f, err := strconv.ParseFloat(n.String(), 32)
			if err == nil && float32(x.Float64At(i)) != float32(f) {
				t.Fatalf("%s[%d] = %v, encoding/json says %v", x.Name, i, x.Float64At(i), f)
			}
		}
	}
}
