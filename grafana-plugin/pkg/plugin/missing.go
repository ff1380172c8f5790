package plugin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/selector"
)

// absent is an answer without series, with the reason as far as it can be found
// out: a panel must never be empty without one.
type absent struct{ words string }

func (a absent) Error() string                    { return a.words }
func (a absent) ErrorSource() backend.ErrorSource { return backend.ErrorSourceDownstream }
func (a absent) DataStatus() backend.Status       { return backend.StatusNotFound }

// missing finds out why a metric has no series for a query: no gnomon at all,
// another model, another value of a label, an older gnomon.
func (in *input) missing(ctx context.Context, metric string) error {
	from := in.from.Add(-5 * time.Minute)
	models, err := in.values(ctx, "model", "gnomon_model_verdict{}", from, in.to)
	if err != nil {
		return err
	}
	if len(models) == 0 {
		return absent{fmt.Sprintf("%s has no metrics of gnomon between %s and %s: is a sidecar scraped, and does the range begin after its start? (check the target in Prometheus under Status > Targets)",
			in.prometheus.Name, in.from.UTC().Format(time.DateTime), in.to.UTC().Format(time.DateTime))}
	}
	for _, m := range in.sel {
		if m.Op != selector.Equal {
			continue
		}
		known, err := in.values(ctx, m.Label, metric+"{}", from, in.to)
		if err != nil {
			return err
		}
		if len(known) > 0 && !slices.Contains(known, m.Value) {
			return absent{fmt.Sprintf("no series with %s=%q in this range; there are: %s", m.Label, m.Value, some(known))}
		}
	}
	any, err := in.values(ctx, "model", metric+"{}", from, in.to)
	if err != nil {
		return err
	}
	if len(any) == 0 {
		versions, _ := in.values(ctx, "version", "gnomon_build_info{}", from, in.to) // only to say more
		return absent{fmt.Sprintf("gnomon %s exports no %s: it is older than this data source, or what it measures is not configured", some(versions), metric)}
	}
	return absent{fmt.Sprintf("no series of %s in this range", in.sel.Of(metric))}
}

// values lists a label's values, for a few seconds from memory.
func (d *Datasource) values(ctx context.Context, label, match string, from, to time.Time) ([]string, error) {
	key := fmt.Sprint("values ", label, " ", match, from.Unix()/60, to.Unix()/60)
	return cached(ctx, d.cache, key, func(ctx context.Context) ([]string, error) {
		v, err := d.prometheus.LabelValues(ctx, label, match, from, to)
		if v == nil {
			v = []string{}
		}
		return v, err
	})
}

// some names the first few of a list.
func some(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
