package upstream

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// List is a fixed list of sidecars.
type List []*url.URL

// Find returns the list.
func (l List) Find(context.Context) ([]*url.URL, error) { return l, nil }

// SRV finds sidecars by a DNS SRV record.
type SRV struct {
	Name   string // such as _http._tcp.gnomon.monitoring.svc.cluster.local
	Scheme string
	Lookup func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Find looks the record up.
func (s SRV) Find(ctx context.Context) ([]*url.URL, error) {
	_, records, err := s.Lookup(ctx, "", "", s.Name)
	if err != nil {
		return nil, &Fault{Kind: NoTargets, Upstream: "gnomon", Detail: fmt.Sprintf("SRV record %q: %v", s.Name, innermost(err)), Fix: "check the record's name in the data source's settings", cause: err}
	}
	var out []*url.URL
	for _, r := range records {
		u, err := target(s.Scheme, net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port))))
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return found(out, fmt.Sprintf("SRV record %q has no targets", s.Name))
}

// Up finds sidecars as the targets that Prometheus scrapes.
type Up struct {
	Prometheus *Prometheus
	Expr       string // such as up{job="gnomon"} == 1
	Scheme     string
}

// Find asks for the instances.
func (u Up) Find(ctx context.Context) ([]*url.URL, error) {
	a, err := u.Prometheus.Instant(ctx, u.Expr, time.Now())
	if err != nil {
		return nil, err
	}
	var out []*url.URL
	for _, s := range a.Series {
		if s.Last() != 1 {
			continue
		}
		t, err := target(u.Scheme, s.Labels["instance"])
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return found(out, fmt.Sprintf("no target is up by %s", u.Expr))
}

func found(out []*url.URL, none string) ([]*url.URL, error) {
	if len(out) == 0 {
		return nil, &Fault{Kind: NoTargets, Upstream: "gnomon", Detail: none, Fix: "check how sidecars are found in the data source's settings"}
	}
	slices.SortFunc(out, func(a, b *url.URL) int { return strings.Compare(a.Host, b.Host) })
	return slices.CompactFunc(out, func(a, b *url.URL) bool { return a.Host == b.Host }), nil
}

// target makes a URL of an address that others gave: host and port, nothing
// else, and no address that only this machine's cloud answers at.
func target(scheme, address string) (*url.URL, error) {
	host, port, err := net.SplitHostPort(address)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil || n == 0 || host == "" || strings.ContainsAny(host, "/@?#\\ ") {
		return nil, &Fault{Kind: NoTargets, Upstream: "gnomon", Detail: fmt.Sprintf("%.100q is not host:port", address), Fix: "relabel instance to the address of the sidecar's API"}
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip = ip.Unmap(); ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified() {
			return nil, &Fault{Kind: NoTargets, Upstream: "gnomon", Detail: fmt.Sprintf("%s is no address of a sidecar", host), Fix: "link-local, multicast and unspecified addresses are not asked"}
		}
	}
	return &url.URL{Scheme: scheme, Host: address}, nil
}

// Cached keeps what another finder found for a while.
type Cached struct {
	Finder Finder
	For    time.Duration
	Now    func() time.Time

	mu      sync.Mutex
	until   time.Time
	targets []*url.URL
}

// Find asks at most once a period.
func (c *Cached) Find(ctx context.Context) ([]*url.URL, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.targets != nil && c.Now().Before(c.until) {
		return c.targets, nil
	}
	targets, err := c.Finder.Find(ctx)
	if err != nil {
		return nil, err
	}
	c.targets, c.until = targets, c.Now().Add(c.For)
	return targets, nil
}
