// Package exposition reads the names of the metrics in a text exposition, as
// /metrics serves it: enough to say that a rule reads what nothing exports.
package exposition

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// Names of metrics, as a query writes them: a histogram has _bucket, _sum and
// _count.
type Names map[string]bool

// maxLine bounds a line of an exposition.
const maxLine = 1 << 20

// ErrNone is returned for text without a single metric.
var ErrNone = errors.New("there is no metric in it")

// Parse reads the text format of Prometheus and OpenMetrics. Metrics that are
// declared by # TYPE count even where they have no series yet.
func Parse(r io.Reader) (Names, error) {
	out := Names{}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line == "# EOF":
		case strings.HasPrefix(line, "#"):
			if f := strings.Fields(line); len(f) == 4 && f[1] == "TYPE" {
				out.declare(f[2], f[3])
			}
		default:
			name := line
			if i := strings.IndexAny(line, "{ \t"); i >= 0 {
				name = line[:i]
			}
			if !valid(name) || name == line {
				return nil, fmt.Errorf("line %d is no sample: %.60q; give what /metrics serves", n, line)
			}
			out[name] = true
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the exposition: %w", err)
	}
	if len(out) == 0 {
		return nil, ErrNone
	}
	return out, nil
}

func (n Names) declare(name, kind string) {
	switch kind {
	case "histogram":
		n[name+"_bucket"] = true
		fallthrough
	case "summary":
		n[name+"_sum"], n[name+"_count"] = true, true
	case "counter": // OpenMetrics declares without _total
		if !strings.HasSuffix(name, "_total") {
			n[name+"_total"] = true
		}
	}
	n[name] = true
}

func valid(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}

// Load reads an exposition from a URL or a file.
func Load(from string) (Names, error) {
	if !strings.HasPrefix(from, "http://") && !strings.HasPrefix(from, "https://") {
		f, err := os.Open(from)
		if err != nil {
			return nil, fmt.Errorf("read the exposition: %w", err)
		}
		defer f.Close()
		return named(from, f)
	}
	client := &http.Client{Timeout: 30 * time.Second}
	resp, err := client.Get(from)
	if err != nil {
		return nil, fmt.Errorf("read the exposition: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the exposition: %s answers %s", from, resp.Status)
	}
	return named(from, io.LimitReader(resp.Body, 256<<20))
}

func named(from string, r io.Reader) (Names, error) {
	out, err := Parse(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return out, nil
}
