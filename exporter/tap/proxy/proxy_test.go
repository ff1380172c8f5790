package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/gnomon-dev/gnomon/exporter/tap/taptest"
)

func TestMain(m *testing.M) {
	if upstream := os.Getenv(floodUpstream); upstream != "" {
		if err := serveFlood(upstream); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func start(plain bool) taptest.Start {
	return func(t testing.TB, c taptest.Config) http.Handler {
		p, err := New(Settings{
			Upstream: c.Upstream, Sampler: c.Sampler, Observer: c.Observer, Emit: c.Emit, Budget: c.Budget,
			BodyLimit: c.BodyLimit, KeyHeader: c.KeyHeader, Plain: plain,
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// Both ways pass the same suite.
func TestReverse(t *testing.T) { taptest.HTTP(t, start(true)) }
func TestDirect(t *testing.T)  { taptest.HTTP(t, start(false)) }

func TestSettings(t *testing.T) {
	ok := &url.URL{Scheme: "http", Host: "h"}
	for _, s := range []Settings{{}, {Upstream: &url.URL{Path: "x"}}, {Upstream: &url.URL{Scheme: "grpc", Host: "h"}}, {Upstream: ok}} {
		if _, err := New(s); !errors.Is(err, ErrSettings) {
			t.Errorf("New(%+v) = %v", s, err)
		}
	}
}

func TestGRPC(t *testing.T) {
	taptest.GRPC(t, func(t testing.TB, c taptest.Config) http.Handler {
		p, err := NewGRPC(Settings{
			Upstream: c.Upstream, Sampler: c.Sampler, Observer: c.Observer, Emit: c.Emit, Budget: c.Budget,
			BodyLimit: c.BodyLimit, KeyHeader: c.KeyHeader,
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	})
}
