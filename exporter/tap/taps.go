// Package tap is the table of all taps and of the wire formats that they
// bring. A new tap is a folder here and a row in Taps; a new format is a row
// in decoders.
package tap

import (
	"fmt"
	"slices"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/pipeline"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/cloudevents"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/file"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonbody"
	"github.com/gnomon-dev/gnomon/exporter/tap/kafka"
	"github.com/gnomon-dev/gnomon/exporter/tap/mirror"
	"github.com/gnomon-dev/gnomon/exporter/tap/proxy"
	"github.com/gnomon-dev/gnomon/exporter/tap/push"
	"github.com/gnomon-dev/gnomon/exporter/tap/route"
	"github.com/gnomon-dev/gnomon/exporter/tap/tfserving"
)

// Tap is one way in for inference records.
type Tap struct {
	Name    string // label and configuration
	Summary string
	Answers bool     // sees the primary's answers too
	Drops   []string // reasons of its own
}

// Taps lists every tap.
func Taps() []Tap {
	return []Tap{
		{proxy.Name, "HTTP reverse proxy in front of the model server", true, exchange.DropReasons()},
		{proxy.NameGRPC, "gRPC reverse proxy in front of the model server", true, exchange.DropReasons()},
		{mirror.Name, "requests mirrored by Envoy, Istio or nginx", false, exchange.DropReasons()},
		{cloudevents.Name, "CloudEvents of KServe's and Seldon's payload loggers", true, cloudevents.DropReasons()},
		{kafka.Name, "Kafka topics of Seldon Core v2, MLServer or record lines", true, kafka.DropReasons()},
		{push.Name, "records posted to /api/v1/records", true, nil},
		{file.Name, "recorded traffic in JSON Lines", true, nil},
	}
}

// DropReasons lists the reasons of all taps once, for pre-created series.
func DropReasons() []string {
	var out []string
	for _, t := range Taps() {
		out = append(out, t.Drops...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Decoder implements pipeline.Decoder for the captures of every tap.
type Decoder struct {
	formats map[string]pipeline.Decoder
	models  map[string]pipeline.Decoder // with a mapping of their own
}

// NewDecoder returns a Decoder that reports oddities to o and takes bodies of
// up to limit bytes once they are decompressed. mappings are for models whose
// bodies follow no protocol, by name.
func NewDecoder(o oip.Observer, limit int64, mappings map[string]jsonbody.Mapping) *Decoder {
	protocol, free := oip.NewDecoder(o, limit), jsonbody.NewDecoder(o, limit, nil)
	d := &Decoder{
		formats: map[string]pipeline.Decoder{
			route.OIP: protocol, route.OIPGRPC: protocol,
			route.TFGRPC: tfserving.NewDecoder(o, limit),
			route.V1:     free, route.TorchServe: free, route.Invocations: free,
		},
		models: map[string]pipeline.Decoder{},
	}
	for name, m := range mappings {
		d.models[name] = jsonbody.NewDecoder(o, limit, &m)
	}
	return d
}

// Decode makes records of a capture, one a row; those of taps that decode for
// themselves are taken as they are. The records own their storage: the
// capture may be released.
func (d *Decoder) Decode(c *record.Capture) ([]record.Record, error) {
	if c.Records != nil {
		return c.Records, nil
	}
	if m := d.models[c.Model]; m != nil {
		return m.Decode(c)
	}
	f := d.formats[c.Format]
	if f == nil {
		return nil, fmt.Errorf("decode capture: no decoder for format %q", c.Format)
	}
	return f.Decode(c)
}
