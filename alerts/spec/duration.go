package spec

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Duration is written as Prometheus writes it: 30s, 5m, 1h30m, 7d.
type Duration time.Duration

// Std is the duration as the standard library's.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// UnmarshalYAML reads 30s, 5m, 1h30m, 7d.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := ParseDuration(n.Value)
	if err != nil {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %v", n.Line, err)}}
	}
	*d = v
	return nil
}

// MarshalYAML writes it the same way.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

type unit struct {
	name string
	size time.Duration
}

func units() []unit {
	return []unit{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}}
}

// String writes the duration as PromQL reads it.
func (d Duration) String() string {
	rest := time.Duration(d).Round(time.Millisecond)
	if rest <= 0 {
		return "0s"
	}
	for _, u := range units() { // 90m rather than 1h30m, 5m rather than 300s
		if rest%u.size == 0 {
			return strconv.FormatInt(int64(rest/u.size), 10) + u.name
		}
	}
	return "0s"
}

// ParseDuration reads what String writes and 1h30m; at most ten years.
func ParseDuration(s string) (Duration, error) {
	var total time.Duration
	rest := s
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if n <= 0 || n > 9 {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		k, err := strconv.Atoi(rest[:n])
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		rest = rest[n:]
		m := strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' })
		if m < 0 {
			m = len(rest)
		}
		size, ok := sizeOf(rest[:m])
		if !ok || time.Duration(k) > 3660*24*time.Hour/size {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		total += time.Duration(k) * size
		rest = rest[m:]
	}
	if total <= 0 || total > 3660*24*time.Hour {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return Duration(total), nil
}

func sizeOf(name string) (time.Duration, bool) {
	if name == "w" {
		return 7 * 24 * time.Hour, true
	}
	for _, u := range units() {
		if u.name == name {
			return u.size, true
		}
	}
	return 0, false
}
