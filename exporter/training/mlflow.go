package training

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// mlflowRun reads the metrics of a run of an MLflow tracking server: the last
// value of every metric each time it is asked, where it is a new one.
type mlflowRun struct {
	url, run string
	client   *http.Client
	seen     map[string]mlflowMetric
	status   string
}

// mlflowMetric is a metric in MLflow's REST API. A value that is not finite is
// written as a string.
type mlflowMetric struct {
	Key       string          `json:"key"`
	Raw       json.RawMessage `json:"value"`
	Timestamp json.Number     `json:"timestamp"` // milliseconds
	Step      json.Number     `json:"step"`
	value     float64
}

// mostAnswer bounds an answer of the server.
const mostAnswer = 16 << 20

// Read implements Source.
func (m *mlflowRun) Read(ctx context.Context) ([]Point, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(m.url, "/")+"/api/2.0/mlflow/runs/get?run_id="+url.QueryEscape(m.run), nil)
	if err != nil {
		return nil, fmt.Errorf("mlflow: %w", err)
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("mlflow: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	if err != nil {
		return nil, fmt.Errorf("mlflow: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("mlflow: run %s: %s: %.200s", m.run, resp.Status, body)
	}
	metrics, status, err := parseRun(body)
	if err != nil {
		return nil, fmt.Errorf("mlflow: run %s: %w", m.run, err)
	}
	m.status = status
	if m.seen == nil {
		m.seen = map[string]mlflowMetric{}
	}
	var out []Point
	for _, x := range metrics {
		was, known := m.seen[x.Key]
		if known && was.Step == x.Step && was.Timestamp == x.Timestamp && string(was.Raw) == string(x.Raw) {
			continue
		}
		m.seen[x.Key] = x
		step, _ := x.Step.Int64()    // 0 where it says none
		ms, _ := x.Timestamp.Int64() // 0 where it says none
		p := Point{Metric: x.Key, Step: step, Value: x.value}
		if ms > 0 {
			p.Time = time.UnixMilli(ms)
		}
		out = append(out, p)
	}
	return out, nil
}

// parseRun reads the answer to runs/get.
func parseRun(body []byte) (metrics []mlflowMetric, status string, err error) {
	var answer struct {
		Run struct {
			Info struct {
				Status string `json:"status"`
			} `json:"info"`
			Data struct {
				Metrics []mlflowMetric `json:"metrics"`
			} `json:"data"`
		} `json:"run"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		if err := json.Unmarshal(quoteNaN(body), &answer); err != nil {
			return nil, "", fmt.Errorf("%w: %w", errFormat, err)
		}
	}
	for _, x := range answer.Run.Data.Metrics {
		var raw any
		if json.Unmarshal(x.Raw, &raw) != nil {
			continue
		}
		v, ok := number(raw)
		if ok && x.Key != "" {
			x.value = v
			metrics = append(metrics, x)
		}
	}
	return metrics, answer.Run.Info.Status, nil
}
