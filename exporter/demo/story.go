package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/result"
)

// Phase is one part of the story.
type Phase struct {
	Name string
	Says string // what is done
	// Served is the model that the primary answers with.
	Served string
	// Alter is done to the images of the first and of the second half.
	Alter [2]func(digits.Image) digits.Image
}

// Phases is the whole story, in order.
func Phases() []Phase {
	none := [2]func(digits.Image) digits.Image{}
	return []Phase{
		{"healthy", "real images, the right model", digits.FP32, none},
		{"drift", "the client halves the pixel scale, then its camera blurs", digits.FP32, [2]func(digits.Image) digits.Image{digits.PixelScale, digits.Blur}},
		{"settle", "the images are right again", digits.FP32, none},
		{"regression", "a quietly worse model is deployed under the same version; latency and availability stay perfect", digits.Worse, none},
		{"version", "the previous model is served under the new version's name", digits.V1, none},
		{"recovery", "the right model is back", digits.FP32, none},
	}
}

// Select picks phases by name, in the order given; all where names is empty.
func Select(names string) ([]Phase, error) {
	all := Phases()
	if names == "" {
		return all, nil
	}
	var out []Phase
	for _, n := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(p Phase) bool { return p.Name == strings.TrimSpace(n) })
		if i < 0 {
			var known []string
			for _, p := range all {
				known = append(known, p.Name)
			}
			return nil, fmt.Errorf("--phases: %q is not one of %s", n, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// Story runs phases against what stands.
type Story struct {
	Primary  string // base URL of the primary itself
	Pages    string // base URL of gnomon's pages
	Traffic  *Traffic
	Phases   []Phase
	Duration time.Duration // of a phase
	Once     bool
	Out      io.Writer
	Client   *http.Client
}

// Run tells the story until ctx ends, or once.
func (s *Story) Run(ctx context.Context) error {
	for {
		for _, p := range s.Phases {
			if err := s.phase(ctx, p); err != nil || ctx.Err() != nil {
				return err
			}
		}
		if s.Once {
			return nil
		}
	}
}

func (s *Story) phase(ctx context.Context, p Phase) error {
	fmt.Fprintf(s.Out, "%s  %-10s %s\n", time.Now().Format("15:04:05"), p.Name, p.Says)
	if err := s.serve(ctx, p.Served); err != nil {
		return err
	}
	for _, alter := range p.Alter {
		s.Traffic.Alter(alter)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.Duration / 2):
		}
	}
	fmt.Fprintf(s.Out, "          gnomon says: %s\n", s.verdict(ctx))
	return nil
}

// serve makes the primary answer with another model.
func (s *Story) serve(ctx context.Context, name string) error {
	body := fmt.Sprintf(`{"parameters":{"file":%q}}`, name)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Primary+"/v2/repository/models/"+ModelName+"/load", bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("swap the primary's model: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000)) // for the message
		return fmt.Errorf("swap the primary's model to %s: %s: %s", name, resp.Status, text)
	}
	return nil
}

// verdict is what the page says now.
func (s *Story) verdict(ctx context.Context) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Pages+"/api/v1/models/"+ModelName, nil)
	if err != nil {
		return err.Error()
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var m result.Model
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		return err.Error()
	}
	var words []string
	for _, f := range m.Verdict.Findings {
		words = append(words, f.Words)
	}
	return string(m.Verdict.Level) + ": " + strings.Join(words, "; ")
}
