// Package demo is the story that gnomon demo tells: a real image classifier, a
// client that sends it real images, and the phases in which things go wrong.
package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// ModelName is the model that the demo serves, under the version it claims.
const (
	ModelName    = "digits"
	ModelVersion = "2"
)

// Primary serves a classifier by the Open Inference Protocol v2. Which model
// really answers can be changed while it serves: that is what goes wrong in
// production.
type Primary struct {
	open    func(name string) (shadow.Engine, error)
	engine  atomic.Pointer[engine]
	decoder *oip.Decoder
}

type engine struct{ shadow.Engine }

// NewPrimary serves the model of that name; open loads one by name.
func NewPrimary(open func(name string) (shadow.Engine, error), name string) (*Primary, error) {
	p := &Primary{open: open, decoder: oip.NewDecoder(nil, 16<<20)}
	return p, p.swap(name)
}

func (p *Primary) swap(name string) error {
	e, err := p.open(name)
	if err != nil {
		return fmt.Errorf("load %s: %w", name, err)
	}
	if old := p.engine.Swap(&engine{e}); old != nil {
		return old.Close() // waits for what it is answering
	}
	return nil
}

// Handler serves health, metadata, inference and the repository.
func (p *Primary) Handler() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	mux.HandleFunc("GET /v2/health/live", ok)
	mux.HandleFunc("GET /v2/health/ready", ok)
	mux.HandleFunc("GET /v2/models/"+ModelName+"/ready", ok)
	mux.HandleFunc("GET /v2", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"name": "gnomon-demo", "version": "1", "extensions": []string{"model_repository"}})
	})
	mux.HandleFunc("GET /v2/models/"+ModelName, p.metadata)
	mux.HandleFunc("POST /v2/models/"+ModelName+"/infer", p.infer)
	mux.HandleFunc("POST /v2/models/"+ModelName+"/versions/"+ModelVersion+"/infer", p.infer)
	mux.HandleFunc("POST /v2/repository/index", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, []map[string]string{{"name": ModelName, "version": ModelVersion, "state": "READY"}})
	})
	mux.HandleFunc("POST /v2/repository/models/"+ModelName+"/load", p.load)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, map[string]string{"error": "no such resource: " + r.URL.Path})
	})
	return mux
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nothing to do
}

func (p *Primary) metadata(w http.ResponseWriter, _ *http.Request) {
	m := p.engine.Load().Model()
	answer(w, http.StatusOK, map[string]any{"name": ModelName, "versions": []string{ModelVersion}, "platform": "onnxruntime_onnx",
		"inputs": describe(m.Inputs), "outputs": describe(m.Outputs)})
}

func describe(list []shadow.IO) []map[string]any {
	var out []map[string]any
	for _, io := range list {
		out = append(out, map[string]any{"name": io.Name, "datatype": io.Type.String(), "shape": io.Shape})
	}
	return out
}

// load swaps the model that answers; the claimed version stays.
func (p *Primary) load(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Parameters struct {
			File string `json:"file"`
		} `json:"parameters"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&body); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	if err := p.swap(body.Parameters.File); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	w.WriteHeader(http.StatusOK)
}

func (p *Primary) infer(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16<<20))
	if err != nil {
		return // the client has gone
	}
	c := &record.Capture{Model: ModelName, Request: record.Body{Bytes: body, ContentType: r.Header.Get("Content-Type"), Encoding: r.Header.Get("Content-Encoding"), JSONLength: -1}}
	rows, err := p.decoder.Decode(c)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	batch := make([]shadow.Sample, len(rows))
	for i := range rows {
		batch[i] = rows[i].Inputs
	}
	results, err := p.run(r.Context(), batch)
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	out, err := join(results)
	if err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	reply, err := oip.EncodeResponse(oip.Message{ID: requestID(body), Model: ModelName, Version: ModelVersion, Tensors: []tensor.Tensor{out}})
	if err != nil {
		answer(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(reply) // the client has gone: nothing to do
}

// run answers by the model in place; a swap in the middle is tried again.
func (p *Primary) run(ctx context.Context, batch []shadow.Sample) ([]shadow.Result, error) {
	for {
		e := p.engine.Load()
		results, err := e.Infer(ctx, batch)
		if err == nil || p.engine.Load() == e {
			return results, err
		}
	}
}

func requestID(body []byte) string {
	var m oip.Message
	if err := oip.Parse(body, -1, &m); err != nil {
		return ""
	}
	return m.ID
}

// join puts the rows' outputs into one tensor.
func join(results []shadow.Result) (tensor.Tensor, error) {
	var out tensor.Tensor
	for i, r := range results {
		if r.Err != nil {
			return out, r.Err
		}
		if i == 0 {
			out = r.Outputs[0].Clone()
			continue
		}
		out.Data = append(out.Data, r.Outputs[0].Data...)
		out.Shape[0] += r.Outputs[0].Shape[0]
	}
	return out, nil
}
