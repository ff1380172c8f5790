package table

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestColumnsReadBackTheSame(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)
	want := []Field{
		{"a list", DoubleListField, []any{[]float64{1, 2.5}, nil, []float64{}, []float64{3}}},
		{"bytes", BytesListField, []any{[][]byte{{0xff, 0}, {}}, [][]byte{}, nil, [][]byte{{1}}}},
		{"id", StringField, []any{"a", "", nil, "ü"}},
		{"ints", IntListField, []any{[]int64{-1, 1 << 60}, []int64{7}, nil, []int64{}}},
		{"number", DoubleField, []any{1.5, nil, -0.25, 1e300}},
		{"time", TimeField, []any{at, at.Add(time.Hour), nil, at}},
	}
	var b bytes.Buffer
	if err := WriteColumns(&b, want, map[string]string{"gnomon.x": "y"}); err != nil {
		t.Fatal(err)
	}
	got, metadata, err := ReadColumns(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if metadata["gnomon.x"] != "y" {
		t.Errorf("metadata %v", metadata)
	}
	for _, bad := range [][]Field{
		{{"a", StringField, []any{"x"}}, {"a", StringField, []any{"x"}}},
		{{"a", StringField, []any{"x"}}, {"b", StringField, nil}},
		{{"a", DoubleField, []any{"x"}}},
	} {
		if err := WriteColumns(&b, bad, nil); err == nil {
			t.Errorf("%v was written", bad)
		}
	}
}

// TestDamagedFooter: a footer longer than the file is refused before memory is
// taken for it.
func TestDamagedFooter(t *testing.T) {
	var b bytes.Buffer
	if err := WriteColumns(&b, []Field{{"id", StringField, []any{"a"}}}, nil); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	for _, length := range []byte{0x7f, 0xff} {
		damaged := bytes.Clone(data)
		damaged[len(damaged)-5] = length
		if allocated := testing.AllocsPerRun(1, func() {
			if _, _, err := ReadColumns(bytes.NewReader(damaged), int64(len(damaged))); !errors.Is(err, ErrTable) {
				t.Errorf("%v", err)
			}
		}); allocated > 100 {
			t.Errorf("%v allocations", allocated)
		}
	}
	if _, _, err := ReadColumns(bytes.NewReader(nil), 0); !errors.Is(err, ErrTable) {
		t.Errorf("nothing: %v", err)
	}
}

func FuzzReadColumns(f *testing.F) {
	var b bytes.Buffer
	if err := WriteColumns(&b, []Field{{"id", StringField, []any{"a", nil}}, {"l", DoubleListField, []any{[]float64{1}, nil}}}, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		fields, _, err := ReadColumns(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, x := range fields {
			if len(x.Values) != len(fields[0].Values) {
				t.Fatalf("%q has %d values, the first %d", x.Name, len(x.Values), len(fields[0].Values))
			}
		}
	})
}
