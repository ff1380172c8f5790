// Package tracing joins gnomon to the traces of the requests that it samples:
// each sampled record whose request carried a W3C traceparent becomes a span of
// that trace, with what the shadows answered as its events. Off by default;
// sent by OTLP over HTTP, in batches, never in the request path.
package tracing

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// Tracer makes spans of observations. It implements pipeline.Monitor.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Open returns a Tracer that sends to a collector's base URL, such as
// http://collector:4318. A collector that is down loses spans and nothing else.
func Open(ctx context.Context, endpoint, version string) (*Tracer, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimSuffix(endpoint, "/")+"/v1/traces"))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	return New(sdk.NewBatchSpanProcessor(exporter), version), nil
}

// New returns a Tracer over a span processor.
func New(p sdk.SpanProcessor, version string) *Tracer {
	// A trace that its root does not record is not ours to record; a record
	// without one makes none.
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(p), sdk.WithSampler(sdk.ParentBased(sdk.NeverSample())),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "gnomon"), attribute.String("service.version", version))))
	return &Tracer{provider, provider.Tracer("github.com/gnomon-dev/gnomon")}
}

// Observe makes a span of each record that belongs to a recorded trace. Its
// times are those of the request at the tap.
func (t *Tracer) Observe(list []record.Observation) {
	for i := range list {
		o := &list[i]
		parent, ok := Parent(o.TraceParent)
		if !ok || !parent.IsSampled() {
			continue
		}
		ctx := trace.ContextWithRemoteSpanContext(context.Background(), parent)
		_, span := t.tracer.Start(ctx, "gnomon record", trace.WithTimestamp(o.Time), trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(
			attribute.String("gnomon.model", o.Model), attribute.String("gnomon.model_version", o.Version), attribute.String("gnomon.tap", o.Tap), attribute.String("gnomon.outcome", o.Outcome.String())))
		for k := range o.Shadows {
			span.AddEvent("shadow answered", trace.WithTimestamp(o.Time.Add(o.Latency)), trace.WithAttributes(shadow(&o.Shadows[k])...))
		}
		span.End(trace.WithTimestamp(o.Time.Add(o.Latency)))
	}
}

func shadow(a *record.ShadowAnswer) []attribute.KeyValue {
	out := []attribute.KeyValue{attribute.String("gnomon.shadow", a.Shadow), attribute.String("gnomon.shadow.role", a.Role), attribute.Bool("gnomon.shadow.failed", a.Err != nil)}
	if a.Compared {
		out = append(out, attribute.Bool("gnomon.shadow.agrees", a.Delta.Agree))
		if js := a.Delta.JS; js == js {
			out = append(out, attribute.Float64("gnomon.shadow.js_distance", js))
		}
	}
	return out
}

// Close sends what waits, until ctx ends.
func (t *Tracer) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Parent reads a W3C traceparent, version-trace-parent-flags.
func Parent(traceparent string) (trace.SpanContext, bool) {
	if len(traceparent) < 55 || traceparent[2] != '-' || traceparent[35] != '-' || traceparent[52] != '-' || traceparent[:2] == "ff" {
		return trace.SpanContext{}, false
	}
	id, err := trace.TraceIDFromHex(traceparent[3:35])
	if err != nil {
		return trace.SpanContext{}, false
	}
	parent, err := trace.SpanIDFromHex(traceparent[36:52])
	if err != nil {
		return trace.SpanContext{}, false
	}
	flags, err := hex.DecodeString(traceparent[53:55])
	if err != nil {
		return trace.SpanContext{}, false
	}
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: parent, TraceFlags: trace.TraceFlags(flags[0]), Remote: true}), true
}
