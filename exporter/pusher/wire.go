package pusher

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/snappy"
	"google.golang.org/protobuf/encoding/protowire"
)

// message appends a nested message.
func message(b []byte, field protowire.Number, body []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), body)
}

func text(b []byte, field protowire.Number, s string) []byte { return message(b, field, []byte(s)) }

func double(b []byte, field protowire.Number, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), math.Float64bits(v))
}

func varint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}

func fixed(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, field, protowire.Fixed64Type), v)
}

// remoteWrite is a WriteRequest of Prometheus remote write 1.0: labels of each
// series sorted, one sample each, metadata of each family.
func remoteWrite(url string, b Batch) (*http.Request, error) {
	var out []byte
	described := map[string]bool{}
	for _, m := range b.Metrics {
		labels := append([]Label{{"__name__", m.Name}, {"job", b.Job}, {"instance", b.Instance}}, m.Labels...)
		slices.SortFunc(labels, func(x, y Label) int { return cmp.Compare(x.Name, y.Name) })
		var series []byte
		for _, l := range labels {
			if l.Value != "" {
				series = message(series, 1, text(text(nil, 1, l.Name), 2, l.Value))
			}
		}
		series = message(series, 2, varint(double(nil, 1, m.Value), 2, uint64(b.Time.UnixMilli())))
		out = message(out, 1, series)
		if !described[m.Name] {
			described[m.Name] = true
			kind := uint64(2) // gauge
			if m.Counter {
				kind = 1
			}
			out = message(out, 3, text(text(varint(nil, 1, kind), 2, m.Name), 4, m.Help))
		}
	}
	req, err := post(url, "application/x-protobuf", snappy.Encode(nil, out))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Encoding", "snappy")
	req.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	return req, nil
}

// otlp is an ExportMetricsServiceRequest: gauges and cumulative monotonic sums.
func otlp(url string, b Batch) (*http.Request, error) {
	attribute := func(name, value string) []byte { return message(text(nil, 1, name), 2, text(nil, 1, value)) }
	resource := message(message(nil, 1, attribute("service.name", b.Job)), 1, attribute("service.instance.id", b.Instance))
	scope := message(nil, 1, text(nil, 1, "gnomon"))
	for _, m := range b.Metrics {
		point := fixed(nil, 2, uint64(b.Start.UnixNano()))
		point = fixed(point, 3, uint64(b.Time.UnixNano()))
		point = double(point, 4, m.Value)
		for _, l := range m.Labels {
			point = message(point, 7, attribute(l.Name, l.Value))
		}
		data := message(nil, 1, point)
		metric := text(text(nil, 1, m.Name), 2, m.Help)
		if m.Counter {
			const cumulative = 2
			metric = message(metric, 7, varint(varint(data, 2, cumulative), 3, 1))
		} else {
			metric = message(metric, 5, data)
		}
		scope = message(scope, 2, metric)
	}
	return post(url, "application/x-protobuf", message(nil, 1, message(message(nil, 1, resource), 2, scope)))
}

// pushgateway is the text format, put in place of what the group had of these
// metrics.
func pushgateway(base string, b Batch) (*http.Request, error) {
	var out strings.Builder
	escape := strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)
	for i, m := range b.Metrics {
		if i == 0 || b.Metrics[i-1].Name != m.Name {
			kind := "gauge"
			if m.Counter {
				kind = "counter"
			}
			out.WriteString("# HELP " + m.Name + " " + strings.NewReplacer("\\", `\\`, "\n", `\n`).Replace(m.Help) + "\n# TYPE " + m.Name + " " + kind + "\n")
		}
		out.WriteString(m.Name)
		for k, l := range m.Labels {
			out.WriteString(map[bool]string{true: "{", false: ","}[k == 0] + l.Name + `="` + escape.Replace(l.Value) + `"`)
			if k == len(m.Labels)-1 {
				out.WriteString("}")
			}
		}
		out.WriteString(" " + strconv.FormatFloat(m.Value, 'g', -1, 64) + "\n")
	}
	return post(strings.TrimRight(base, "/")+"/metrics/job/"+url.PathEscape(b.Job)+"/instance/"+url.PathEscape(b.Instance), "text/plain; version=0.0.4", []byte(out.String()))
}
