package tfserving

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

var _ pipeline.Decoder = (*Decoder)(nil)

// descriptor is a message of testdata/predict.txtpb. Protobuf's own library
// encodes by it: what is read here was not written by the same hand.
func descriptor(t testing.TB, name protoreflect.Name) protoreflect.MessageDescriptor {
	t.Helper()
	b, err := os.ReadFile("testdata/predict.txtpb")
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := prototext.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	file, err := protodesc.NewFile(set.File[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	return file.Messages().ByName(name)
}

// build makes a message from its text.
func build(t testing.TB, name protoreflect.Name, text string) *dynamicpb.Message {
	t.Helper()
	m := dynamicpb.NewMessage(descriptor(t, name))
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m
}

func encode(t testing.TB, name protoreflect.Name, text string) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(build(t, name, text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func frame(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

type kinds []string

func (k *kinds) Anomaly(kind string) { *k = append(*k, kind) }

func capture(request, response []byte) *record.Capture {
	c := &record.Capture{Format: "tf-grpc", Request: record.Body{Bytes: frame(request)}}
	if response != nil {
		c.Response.Bytes = frame(response)
	}
	return c
}

// view is what a tensor holds.
type view struct {
	Type   string
	Shape  []int64
	Values []float64
	Text   []string
}

func TestTensors(t *testing.T) {
	dims := func(sizes ...string) string {
		return " tensor_shape { dim { size: " + strings.Join(sizes, "} dim { size: ") + "} }"
	}
	one, two := " tensor_shape { dim { size: 1 } }", " tensor_shape { dim { size: 2 } }"
	type f = []float64
	type i = []int64
	for _, c := range []struct {
		name, text string
		want       view
		odd        kinds
	}{
		{"float", "dtype: 1 float_val: [1.5, -2]" + two, view{"FP32", i{2}, f{1.5, -2}, nil}, nil},
		{"double", "dtype: 2 double_val: [0.1, inf]" + two, view{"FP64", i{2}, f{.1, math.Inf(1)}, nil}, nil},
		{"int32", "dtype: 3 int_val: [-2147483648, 7]" + two, view{"INT32", i{2}, f{-2147483648, 7}, nil}, nil},
		{"uint8", "dtype: 4 int_val: [255, 0]" + two, view{"UINT8", i{2}, f{255, 0}, nil}, nil},
		{"int16", "dtype: 5 int_val: [-3, 7]" + two, view{"INT16", i{2}, f{-3, 7}, nil}, nil},
		{"int8", "dtype: 6 int_val: [-128, 127]" + two, view{"INT8", i{2}, f{-128, 127}, nil}, nil},
		{"string", `dtype: 7 string_val: ["a", ""]` + two, view{"BYTES", i{2}, nil, []string{"a", ""}}, nil},
		{"int64", "dtype: 9 int64_val: [-9007199254740991, 1]" + two, view{"INT64", i{2}, f{-9007199254740991, 1}, nil}, nil},
		{"bool", "dtype: 10 bool_val: [true, false]" + two, view{"BOOL", i{2}, f{1, 0}, nil}, nil},
		{"quantized", "dtype: 11 int_val: [-5]" + one, view{"INT8", i{1}, f{-5}, nil}, nil},
		{"bfloat16", "dtype: 14 half_val: [16256]" + one, view{"BF16", i{1}, f{1}, nil}, nil},
		{"uint16", "dtype: 17 int_val: [65535]" + one, view{"UINT16", i{1}, f{65535}, nil}, nil},
		{"half", "dtype: 19 half_val: [15360, 48128]" + two, view{"FP16", i{2}, f{1, -1}, nil}, nil},
		{"uint32", "dtype: 22 uint32_val: [4294967295]" + one, view{"UINT32", i{1}, f{4294967295}, nil}, nil},
		{"uint64", "dtype: 23 uint64_val: [9007199254740991]" + one, view{"UINT64", i{1}, f{9007199254740991}, nil}, nil},
		{"content", `dtype: 1 tensor_content: "\000\000\200\077\000\000\000\100"` + two, view{"FP32", i{2}, f{1, 2}, nil}, nil},
		{"content of halves", `dtype: 19 tensor_content: "\000\074"` + one, view{"FP16", i{1}, f{1}, nil}, nil},
		{"content of strings", `dtype: 7 tensor_content: "\001\000\002abc" tensor_shape { dim { size: 3 } }`, view{"BYTES", i{3}, nil, []string{"a", "", "bc"}}, nil},
		{"scalar", "dtype: 1 float_val: 3", view{"FP32", nil, f{3}, nil}, nil},
		{"one value for all", "dtype: 3 int_val: 7" + two, view{"INT32", i{2}, f{7, 7}, nil}, nil},
		{"the last for the rest", "dtype: 1 float_val: [1, 2] tensor_shape { dim { size: 4 } }", view{"FP32", i{4}, f{1, 2, 2, 2}, nil}, nil},
		{"one string for all", `dtype: 7 string_val: "z"` + two, view{"BYTES", i{2}, nil, []string{"z", "z"}}, nil},
		{"no value is zeros", "dtype: 9" + two, view{"INT64", i{2}, f{0, 0}, nil}, nil},
		{"empty", "dtype: 1 tensor_shape { dim { size: 0 } dim { size: 3 } }", view{"FP32", i{0, 3}, nil, nil}, nil},
		{"rank 2", "dtype: 1 float_val: [1, 2]" + dims("1", "2"), view{"FP32", i{1, 2}, f{1, 2}, nil}, nil},
		{"too many values", "dtype: 1 float_val: [1, 2, 3]" + two, view{"FP32", i{2}, f{1, 2}, nil}, kinds{"shape_mismatch"}},
		{"content too short", `dtype: 1 tensor_content: "\000\000\200\077\000"` + two, view{"FP32", i{1}, f{1}, nil}, kinds{"binary_size"}},
		{"strings that do not add up", `dtype: 7 tensor_content: "\001\011a"` + two, view{"BYTES", i{1}, nil, []string{"a"}}, kinds{"binary_size"}},
		{"values of another type", "dtype: 1 int_val: [1, 2]" + two, view{"FP32", i{2}, f{0, 0}, nil}, kinds{"type_mismatch"}},
		{"beyond the type", "dtype: 4 int_val: [300]" + one, view{"UINT8", i{1}, f{44}, nil}, kinds{"number_out_of_range"}},
		{"shape not known", "dtype: 1 float_val: [1, 2] tensor_shape { dim { size: -1 } }", view{"FP32", i{2}, f{1, 2}, nil}, kinds{"shape_negative"}},
		{"rank not known", "dtype: 1 float_val: [1, 2] tensor_shape { unknown_rank: true }", view{"FP32", i{2}, f{1, 2}, nil}, kinds{"shape_negative"}},
		{"shape beyond all", "dtype: 1 float_val: [1]" + dims("9223372036854775807", "9"), view{"FP32", i{1}, f{1}, nil}, kinds{"shape_mismatch"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var odd kinds
			records, err := NewDecoder(&odd, 1<<20).Decode(capture(encode(t, "PredictRequest", `inputs { key: "x" value {`+c.text+`} }`), nil))
			if err != nil {
				t.Fatal(err)
			}
			x := records[0].Inputs[0]
			got := view{Type: x.Type.String(), Shape: x.Shape}
			for k := range x.Len() {
				if x.Strings != nil {
					got.Text = append(got.Text, string(x.Strings[k]))
				} else {
					got.Values = append(got.Values, x.Float64At(k))
				}
			}
			if d := cmp.Diff(c.want, got); d != "" || x.Name != "x" || x.Validate() != nil {
				t.Errorf("%v (-want +got):\n%s", x.Validate(), d)
			}
			if d := cmp.Diff(c.odd, odd); d != "" {
				t.Errorf("oddities (-want +got):\n%s", d)
			}
		})
	}
}

const (
	request = `model_spec { name: "house" signature_name: "serving_default" version { value: 3 } } output_filter: "y"
		inputs { key: "b" value { dtype: 9 int64_val: [10, 20] tensor_shape { dim { size: 2 } } } }
		inputs { key: "a" value { dtype: 1 float_val: [1, 2, 3, 4] tensor_shape { dim { size: 2 } dim { size: 2 } } } }`
	answer = `model_spec { name: "house" version { value: 4 } }
		outputs { key: "y" value { dtype: 1 float_val: [0.25, 0.75] tensor_shape { dim { size: 2 } dim { size: 1 } } } }`
)

func TestDecode(t *testing.T) {
	records, err := NewDecoder(nil, 1<<20).Decode(capture(encode(t, "PredictRequest", request), encode(t, "PredictResponse", answer)))
	if err != nil || len(records) != 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	r := records[1]
	if r.Model != "house" || r.Version != "4" {
		t.Errorf("%s %s: the answer knows which version answered", r.Model, r.Version)
	}
	if names := []string{r.Inputs[0].Name, r.Inputs[1].Name}; !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("inputs %v", names)
	}
	if r.Inputs[0].Float64At(1) != 4 || r.Inputs[1].Float64At(0) != 20 || r.Outputs[0].Float64At(0) != .75 {
		t.Errorf("%+v", r)
	}
	for text, want := range map[string]string{`version_label: "stable"`: "stable", `version {}`: "0", "": ""} {
		one := `model_spec { name: "m" ` + text + `} inputs { key: "x" value { dtype: 1 float_val: 1 } }`
		records, err := NewDecoder(nil, 1<<20).Decode(capture(encode(t, "PredictRequest", one), nil))
		if err != nil || records[0].Version != want || records[0].Model != "m" || records[0].Outputs != nil {
			t.Errorf("%s: %+v, %v", text, records, err)
		}
	}
}

// TestBadCalls: what cannot be read is said and counted.
func TestBadCalls(t *testing.T) {
	good := encode(t, "PredictRequest", request)
	for name, c := range map[string]struct {
		body []byte
		err  error
		odd  kinds
	}{
		"nothing":     {nil, oip.ErrNoTensors, kinds{"no_tensors"}},
		"cut short":   {frame(good)[:40], oip.ErrSyntax, kinds{"protobuf_invalid"}},
		"no protobuf": {frame([]byte("\xff\xff\xff")), oip.ErrSyntax, kinds{"protobuf_invalid"}},
		"no inputs":   {frame(encode(t, "PredictRequest", `model_spec { name: "m" }`)), oip.ErrNoTensors, kinds{"no_tensors"}},
		"complex":     {frame(encode(t, "PredictRequest", `inputs { key: "x" value { dtype: 8 scomplex_val: [1, 2] } }`)), oip.ErrNoTensors, kinds{"no_tensors", "datatype_unknown"}},
		"compressed":  {append([]byte{1}, frame(good)[1:]...), oip.ErrCompression, kinds{"compression"}},
		"a bomb": {frame(encode(t, "PredictRequest", `inputs { key: "x" value { dtype: 1 float_val: 1 tensor_shape { dim { size: 1073741824 } } } }`)),
			oip.ErrNoTensors, kinds{"no_tensors", "shape_mismatch"}},
	} {
		var odd kinds
		_, err := NewDecoder(&odd, 1<<20).Decode(&record.Capture{Request: record.Body{Bytes: c.body, Encoding: "gzip"}})
		if !errors.Is(err, c.err) || !slices.Equal(odd, c.odd) {
			t.Errorf("%s: %v, %v", name, err, odd)
		}
	}
	// Many small bombs share the limit.
	many := strings.Repeat(`inputs { key: "KEY" value { dtype: 1 float_val: 1 tensor_shape { dim { size: 200000 } } } }`, 4)
	for _, key := range []string{"a", "b", "c", "d"} {
		many = strings.Replace(many, "KEY", key, 1)
	}
	records, err := NewDecoder(nil, 1<<20).Decode(capture(encode(t, "PredictRequest", many), nil))
	if err != nil || len(records[0].Inputs) != 1 {
		t.Errorf("%v", err)
	}
	var odd kinds
	records, err = NewDecoder(&odd, 1<<20).Decode(capture(good, []byte("\xff")))
	if err != nil || records[0].Outputs != nil || !slices.Equal(odd, kinds{"response_invalid", "protobuf_invalid"}) {
		t.Errorf("an answer that is none: %v, %v", err, odd)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{request, `inputs { key: "s" value { dtype: 7 tensor_content: "\001a" tensor_shape { dim { size: 1 } } } }`,
		`inputs { key: "h" value { dtype: 19 half_val: [1, 2] tensor_shape { dim { size: 9 } } } }`,
		`inputs { key: "b" value { dtype: 10 bool_val: true tensor_shape { unknown_rank: true } } }`} {
		f.Add(encode(f, "PredictRequest", text), encode(f, "PredictResponse", answer))
	}
	f.Fuzz(func(t *testing.T, request, response []byte) {
		const limit = 1 << 16
		records, err := NewDecoder(&kinds{}, limit).Decode(capture(request, response))
		if err != nil {
			return
		}
		bytes := 0
		for _, r := range records {
			for _, x := range append(r.Inputs, r.Outputs...) {
				if err := x.Validate(); err != nil {
					t.Fatal(err)
				}
				bytes += x.Bytes()
			}
		}
		if most := 32*(len(request)+len(response)) + 2*limit; bytes > most {
			t.Fatalf("%d bytes of %d and %d", bytes, len(request), len(response))
		}
	})
}
