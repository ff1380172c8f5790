package upstream

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want *Answer
	}{
		"vector": {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b","c":"\u00e9\""},"value":[1435781451.781,"1.5"]}]}}`,
			&Answer{Series: []Series{{map[string]string{"a": "b", "c": "é\""}, []Point{{1435781451781, 1.5}}}}}},
		"matrix, spaces, unknown keys": {`{ "status" : "success", "infos": ["x"], "data": { "resultType" : "matrix", "result" : [ { "metric" : { } , "values" : [ [1, "1"] , [2.5, "+Inf"] ] } ], "stats": {"a": [1, {"b": null}]} } , "warnings": ["slow"] }`,
			&Answer{Series: []Series{{map[string]string{}, []Point{{1000, 1}, {2500, math.Inf(1)}}}}, Warnings: []string{"slow"}}},
		"empty":        {`{"status":"success","data":{"resultType":"vector","result":[]}}`, &Answer{}},
		"null result":  {`{"status":"success","data":{"resultType":"vector","result":null}}`, &Answer{}},
		"no points":    {`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[]}]}}`, &Answer{}},
		"without data": {`{"status":"success"}`, &Answer{}},
	} {
		got, err := newDecoder([]byte(c.body), 10).answer()
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"1"]}]}}`
	for n := range good {
		if a, err := newDecoder([]byte(good[:n]), 10).answer(); err == nil {
			t.Fatalf("cut at %d: %+v", n, a)
		}
	}
	for name, c := range map[string][2]string{
		"scalar":     {`{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`, "scalar"},
		"histograms": {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}`, "native histograms"},
		"number":     {`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}`, "no number"},
		"tail":       {good + "x", "broken"},
		"array":      {`[]`, "broken"},
	} {
		if a, err := newDecoder([]byte(c[0]), 10).answer(); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	two := strings.Replace(good, `}]}}`, `},{"metric":{},"value":[1,"1"]}]}}`, 1)
	if _, err := newDecoder([]byte(two), 1).answer(); !asTooMany(err, &tooManySeries{}) {
		t.Error(err)
	}
}

// reference decodes by encoding/json.
func reference(b []byte) (*Answer, bool) {
	var in struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  []any
				Values [][]any
			}
		}
	}
	if json.Unmarshal(b, &in) != nil || in.Status != "success" {
		return nil, false
	}
	a := &Answer{}
	for _, r := range in.Data.Result {
		s := Series{Labels: r.Metric}
		if r.Value != nil {
			r.Values = append(r.Values, r.Value)
		}
		for _, p := range r.Values {
			if len(p) != 2 {
				return nil, false
			}
			at, ok1 := p[0].(float64)
			text, ok2 := p[1].(string)
			v, err := strconv.ParseFloat(text, 64)
			if !ok1 || !ok2 || err != nil {
				return nil, false
			}
			s.Points = append(s.Points, Point{int64(math.Round(at * 1000)), v})
		}
		if len(s.Points) > 0 {
			a.Series = append(a.Series, s)
		}
	}
	return a, true
}

// The decoder never panics, and reads real answers as encoding/json does.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},"values":[[1,"1"],[2,"NaN"]]}]}}`))
	f.Add([]byte(`{"status":"error","errorType":"bad_data","error":"parse error"}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"\n"},"value":[1e9,"-0.5e-3"]}]},"warnings":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := newDecoder(b, 100)
		got, err := d.answer()
		d.refusal(200)
		if err != nil || !json.Valid(b) {
			return
		}
		if want, ok := reference(b); ok && fmt.Sprint(got.Series) != fmt.Sprint(want.Series) && !strings.Contains(string(b), `\u`) {
			for _, key := range []string{`"metric"`, `"status"`, `"data"`, `"result"`, `"value"`, `"values"`} {
				if strings.Count(string(b), key) > 1 {
					return // repeated keys: the last one wins there, all count here
				}
			}
			t.Fatalf("%s: %v, want %v", b, got.Series, want.Series)
		}
	})
}

// A week of a hundred features in hourly steps.
func BenchmarkDecode(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"status":"success","data":{"resultType":"matrix","result":[`)
	for i := range 1200 {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"metric":{"bin":"%02d (0.1, 0.2]","feature":"f%03d","model":"m","reference":"abc"},"values":[`, i%12, i/12)
		for j := range 168 {
			if j > 0 {
				s.WriteByte(',')
			}
			fmt.Fprintf(&s, `[%d,"%v"]`, 1700000000+3600*j, float64(i*j%977)+.25)
		}
		s.WriteString(`]}`)
	}
	s.WriteString(`]}}`)
	body := []byte(s.String())
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := newDecoder(body, 2000).answer(); err != nil {
			b.Fatal(err)
		}
	}
}

// The short way gives the same bits as the general one.
func FuzzParseFloat(f *testing.F) {
	for _, s := range []string{"0", "0.1", "123456.789", "9007199254740993", "1.", ".5", "0.000000000000001", "1e5", "NaN", "-3", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want, err1 := strconv.ParseFloat(string(b), 64)
		got, err2 := parseFloat(b)
		if (err1 == nil) != (err2 == nil) || (err1 == nil && math.Float64bits(got) != math.Float64bits(want)) {
			t.Fatalf("%q: %v %v, want %v %v", b, got, err2, want, err1)
		}
	})
}
