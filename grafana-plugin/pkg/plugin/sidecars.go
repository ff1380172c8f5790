package plugin

import (
	"errors"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// needsSidecar is the answer where a query needs the API and none is
// configured.
func needsSidecar(what string) error {
	return &upstream.Fault{Kind: upstream.NoTargets, Upstream: "gnomon's API", Detail: what + " are not in Prometheus", Fix: "tell the data source's settings how sidecars are found"}
}

// partly tells the panel which sidecars did not answer.
func partly[T any](in *input, replies []upstream.Reply[T]) {
	failed := 0
	var first error
	for _, r := range replies {
		if r.Err != nil {
			failed++
			if first == nil {
				first = r.Err
			}
		}
	}
	if failed > 0 {
		in.notice(data.NoticeSeverityWarning, "%d of %d sidecars did not answer: %v", failed, len(replies), first)
	}
}

// older reads a 404 of the API: the sidecar is too old for the resource.
func older(err error, resource string) error {
	var f *upstream.Fault
	if errors.As(err, &f) && f.Kind == upstream.NotFound {
		return &upstream.Fault{Kind: upstream.NotFound, Upstream: f.Upstream, Status: f.Status, Detail: f.Detail, Fix: fmt.Sprintf("this gnomon has no %s: update it", resource)}
	}
	return err
}
