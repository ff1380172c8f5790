package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	commonconfig "github.com/prometheus/common/config"
)

// Taps are the ways in beside the HTTP proxy and POST /api/v1/records. Each is
// off where it is left out.
type Taps struct {
	GRPC        GRPC        `yaml:"grpc"`
	Mirror      Mirror      `yaml:"mirror"`
	CloudEvents CloudEvents `yaml:"cloudevents"`
	Kafka       Kafka       `yaml:"kafka"`
	File        File        `yaml:"file"`
}

// GRPC is the gRPC proxy.
type GRPC struct {
	Listen   string `yaml:"listen"`   // address that clients talk to
	Upstream string `yaml:"upstream"` // the model server's gRPC port, as http://host:port
}

// Mirror is where a proxy sends copies of requests.
type Mirror struct {
	Listen string `yaml:"listen"`
}

// CloudEvents is where payload loggers send events.
type CloudEvents struct {
	Listen     string   `yaml:"listen"`
	TTL        Duration `yaml:"ttl"`         // that a half waits for the other
	MaxPending int      `yaml:"max_pending"` // halves that wait
}

// Kafka is topics to consume.
type Kafka struct {
	Brokers    []string                `yaml:"brokers"`
	Topics     []string                `yaml:"topics"`
	Group      string                  `yaml:"group"`
	DeadLetter string                  `yaml:"dead_letter"` // topic for what cannot be read
	TTL        Duration                `yaml:"ttl"`
	TLS        *commonconfig.TLSConfig `yaml:"tls"`
	SASL       SASL                    `yaml:"sasl"`
}

// SASL is how gnomon tells Kafka who it is.
type SASL struct {
	Mechanism    string `yaml:"mechanism"` // plain, scram-sha-256, scram-sha-512; none where empty
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// File is recorded traffic to read once.
type File struct {
	Path string `yaml:"path"`
}

// Body says where the bodies of an in-house protocol have what. A path is
// names and indices joined by dots, such as data.rows or result.0.score; * is
// every element of a list.
type Body struct {
	Endpoint string            `yaml:"endpoint"` // path that it is posted to, such as /score; the protocols' own where empty
	Inputs   map[string]string `yaml:"inputs"`   // tensor name: path in the request
	Outputs  map[string]string `yaml:"outputs"`  // tensor name: path in the response
	ID       string            `yaml:"id"`
	Label    string            `yaml:"label"`
}

// any reports whether there is a tap besides the HTTP proxy.
func (t *Taps) any() bool {
	return t.GRPC.Listen != "" || t.Mirror.Listen != "" || t.CloudEvents.Listen != "" || len(t.Kafka.Brokers) > 0 || t.File.Path != ""
}

// addresses are those that taps listen on.
func (c *Config) addresses() map[string]string {
	out := map[string]string{"taps.grpc.listen": c.Taps.GRPC.Listen, "taps.mirror.listen": c.Taps.Mirror.Listen, "taps.cloudevents.listen": c.Taps.CloudEvents.Listen}
	if c.Upstream != "" {
		out["listen"] = c.Listen
	}
	return out
}

func (c *Config) checkTaps(k *checker) {
	taken := map[string]string{}
	addresses := c.addresses()
	for _, field := range slices.Sorted(maps.Keys(addresses)) {
		address := addresses[field]
		if address == "" && field != "listen" {
			continue
		}
		_, port, err := net.SplitHostPort(address)
		k.that(err == nil, field, "write host:port or :port, such as :8080", "%q is not an address", address)
		if first, dup := taken[address]; err == nil && port != "0" {
			k.that(!dup, field, "give each tap an address of its own", "%q is taken by %s", address, first)
		}
		taken[address] = field
	}
	if g := c.Taps.GRPC; g.Listen != "" {
		u, err := url.Parse(g.Upstream)
		k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "taps.grpc.upstream", "write the server's gRPC port as a URL, such as http://127.0.0.1:8001", "%q is not an HTTP URL", g.Upstream)
	}
	if e := c.Taps.CloudEvents; e.Listen != "" {
		k.duration("taps.cloudevents.ttl", e.TTL, Duration(time.Second))
		k.positive("taps.cloudevents.max_pending", e.MaxPending)
	}
	if c.Taps.File.Path != "" {
		k.file("taps.file.path", c.Taps.File.Path)
	}
	c.Taps.Kafka.check(k)
}

func (t *Kafka) check(k *checker) {
	if len(t.Brokers) == 0 {
		k.that(len(t.Topics) == 0, "taps.kafka.brokers", "list the brokers as host:port", "is missing")
		return
	}
	for i, b := range t.Brokers {
		_, _, err := net.SplitHostPort(b)
		k.that(err == nil, fmt.Sprintf("taps.kafka.brokers[%d]", i), "write host:port, such as kafka:9092", "%q is not an address", b)
	}
	k.that(len(t.Topics) > 0, "taps.kafka.topics", "list the topics to read", "is missing")
	k.that(t.Group != "", "taps.kafka.group", "name a consumer group; gnomons of one group share the records", "is missing")
	k.duration("taps.kafka.ttl", t.TTL, Duration(time.Second))
	if t.TLS != nil {
		if err := t.TLS.Validate(); err != nil {
			k.that(false, "taps.kafka.tls", "correct the TLS settings", "%v", err)
		}
	}
	if t.SASL.Mechanism != "" {
		k.oneOf("taps.kafka.sasl.mechanism", t.SASL.Mechanism, "plain", "scram-sha-256", "scram-sha-512")
		k.that(t.SASL.Username != "", "taps.kafka.sasl.username", "name the user", "is missing")
		k.file("taps.kafka.sasl.password_file", t.SASL.PasswordFile)
	}
}

func (b *Body) check(k *checker, at string) {
	if b == nil {
		return
	}
	k.that(b.Endpoint == "" || strings.HasPrefix(b.Endpoint, "/"), at+".endpoint", "write the path that clients post to, such as /score", "%q is not a path", b.Endpoint)
	k.that(len(b.Inputs) > 0, at+".inputs", "name at least one tensor and the path to it in the request", "is missing")
	for field, paths := range map[string]map[string]string{at + ".inputs": b.Inputs, at + ".outputs": b.Outputs} {
		for name, path := range paths {
			k.that(name != "" && !strings.Contains(path, ".."), field, "write names and indices joined by single dots, such as data.rows", "%q is not a path", path)
		}
	}
}
