package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/alerts/postmortem"
)

func registerRulesPostmortem(app *kingpin.Application) runner {
	c := rulesCommand(app).Command("postmortem", "Begin a postmortem: time to detect and to resolve, alerts and budgets, from Prometheus.")
	prometheus := c.Flag("prometheus", "Address of Prometheus.").Default("http://127.0.0.1:9090").String()
	model := c.Flag("model", "The model.").Required().String()
	from := c.Flag("from", "Where to begin to look (RFC 3339); a day before --to where left out.").String()
	to := c.Flag("to", "Where to end (RFC 3339); now where left out.").String()
	step := c.Flag("step", "Resolution.").Default("30s").Duration()
	return func(ctx context.Context, io streams) error {
		s := postmortem.Settings{Prometheus: *prometheus, Model: *model, To: time.Now(), Step: *step, Client: &http.Client{Timeout: time.Minute}}
		if *step <= 0 {
			return usageError{fmt.Errorf("--step is %s; give 30s, or 1s for rules in compressed time", *step)}
		}
		for _, x := range []struct {
			flag, text string
			at         *time.Time
		}{{"--to", *to, &s.To}, {"--from", *from, &s.From}} {
			if x.text == "" {
				continue
			}
			t, err := time.Parse(time.RFC3339, x.text)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w; write 2026-03-02T10:00:00Z", x.flag, err)}
			}
			*x.at = t
		}
		if s.From.IsZero() {
			s.From = s.To.Add(-min(24*time.Hour, 10000*s.Step)) // Prometheus gives at most 11,000 points
		}
		return postmortem.Write(ctx, io.out, s)
	}
}
