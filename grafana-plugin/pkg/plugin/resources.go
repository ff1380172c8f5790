package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// variable is one list that dashboards' variables and the editors offer.
type variable struct{ label, metric string }

// variables are chained: each is narrowed by the parameters model,
// model_version, feature and by the settings' selector.
var variables = map[string]variable{
	"models":     {"model", "gnomon_model_verdict"},
	"versions":   {"model_version", "gnomon_model_verdict"},
	"features":   {"feature", "gnomon_feature_window_samples"},
	"shadows":    {"shadow", "gnomon_shadow_info"},
	"references": {"reference", metricReference},
	"clusters":   {"cluster", "gnomon_model_verdict"},
	"namespaces": {"namespace", "gnomon_model_verdict"},
	"classes":    {"actual", metricConfusion},
}

// resources are what the editors call: lists for variables, and keys and values
// of ad hoc filters.
func (d *Datasource) resources() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /variables/{name}", d.variable)
	mux.HandleFunc("GET /tag-keys", d.tagKeys)
	mux.HandleFunc("GET /tag-values", d.tagValues)
	return mux
}

// variable lists the values of the last hour, so that a model that has just gone
// is still offered.
func (d *Datasource) variable(w http.ResponseWriter, r *http.Request) {
	name, q := r.PathValue("name"), r.URL.Query()
	if name == "slos" {
		var names []string
		for _, s := range slis() {
			names = append(names, s.name)
		}
		reply(w, names, nil)
		return
	}
	v, ok := variables[name]
	if !ok {
		reply(w, nil, bad("variable %.50q is none of models, versions, features, shadows, references, clusters, namespaces, classes, slos", name))
		return
	}
	sel := d.base
	for _, label := range []string{"cluster", "namespace", "model", "model_version", "feature"} {
		if label != v.label {
			sel = sel.With(selector.OneOf(label, Names(q[label]).list())...)
		}
	}
	values, err := d.values(r.Context(), v.label, sel.Of(v.metric), d.hourAgo(), d.now())
	slices.SortFunc(values, func(a, b string) int {
		switch {
		case numericLess(a, b):
			return -1
		case numericLess(b, a):
			return 1
		}
		return 0
	})
	reply(w, values, err)
}

// hourAgo is a full minute, so that calls within it share an answer.
func (d *Datasource) hourAgo() time.Time { return d.now().Add(-time.Hour).Truncate(time.Minute) }

func (d *Datasource) tagKeys(w http.ResponseWriter, r *http.Request) {
	keys, err := cached(r.Context(), d.cache, "tag keys", func(ctx context.Context) ([]string, error) {
		return d.prometheus.LabelNames(ctx, d.base.Of("gnomon_model_verdict"), d.hourAgo(), d.now())
	})
	keys = slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "__name__" || k == "level" })
	reply(w, keys, err)
}

func (d *Datasource) tagValues(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Query().Get("key")
	if _, err := selector.New(key, selector.Equal, ""); err != nil {
		reply(w, nil, badQuery{err})
		return
	}
	values, err := d.values(r.Context(), key, d.base.Of("gnomon_model_verdict"), d.hourAgo(), d.now())
	reply(w, values, err)
}

func reply(w http.ResponseWriter, values []string, err error) {
	w.Header().Set("Content-Type", "application/json")
	code, body := http.StatusOK, any(map[string][]string{"values": append([]string{}, values...)})
	if err != nil {
		code, body = http.StatusInternalServerError, map[string]string{"error": err.Error()}
		var b badQuery
		var f *upstream.Fault
		switch {
		case errors.As(err, &b):
			code = http.StatusBadRequest
		case errors.As(err, &f):
			code = http.StatusBadGateway
		}
	}
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone: nothing to do
}
