package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gnomon-dev/gnomon/driftlib/performance"
	"github.com/gnomon-dev/gnomon/exporter/cost"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/replay"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonl"
	"github.com/gnomon-dev/gnomon/shadow"
	"github.com/gnomon-dev/gnomon/shadow/compare"
)

// CostOptions say what is compared at which prices.
type CostOptions struct {
	Candidate, Primary shadow.Engine
	Reader             replay.Reader
	Classes            []string
	Batch              int
	Records            int           // at most so many are replayed
	Time               time.Duration // that each model is measured for, at least

	Prices   cost.Prices
	At       time.Time
	GPU      string  // name of the GPU that both run on; empty: the cores
	PerMonth float64 // requests; 0: no projection

	// The decision: save at least this share of the cost, lose at most this
	// much accuracy.
	Save, Lose float64

	Now func() time.Time
	CPU func() (time.Duration, bool)
}

// CostReport is the part of gnomon replay's document about cost.
type CostReport struct {
	Currency string     `json:"currency"`
	Basis    string     `json:"basis"` // what was measured and charged
	Records  int        `json:"records"`
	Batch    int        `json:"batch"`
	Models   []CostSide `json:"models"` // candidate, primary

	Saved        performance.Metric `json:"saved"`         // share of the primary's cost
	AccuracyLost performance.Metric `json:"accuracy_lost"` // primary's minus candidate's
	Disagreement performance.Metric `json:"disagreement"`  // share of records that they answer differently
	Decision     []Criterion        `json:"decision"`
	Verdict      string             `json:"verdict"` // yes, no, undecided
}

// CostSide is one model's part.
type CostSide struct {
	Role       string             `json:"role"` // candidate, primary
	Digest     string             `json:"digest"`
	Provider   string             `json:"provider"`
	Per1k      float64            `json:"cost_per_1k"`
	Month      *float64           `json:"cost_per_month,omitempty"`
	CPUSeconds float64            `json:"cpu_seconds_per_1k"`
	Seconds    float64            `json:"seconds_per_1k"` // of the clock
	Accuracy   performance.Metric `json:"accuracy"`
}

// Criterion is a row of the decision table.
type Criterion struct {
	Name     string             `json:"name"`
	Measured performance.Metric `json:"measured"`
	Wanted   string             `json:"wanted"`
	Met      string             `json:"met"` // yes, no, undecided: the interval holds the limit
}

// costBlocks is how many blocks the records are cut into: pairs of costs.
const costBlocks = 20

// CompareCost replays the same records on two models in turns and says what
// the candidate saves and what it loses.
func CompareCost(ctx context.Context, in Records, o CostOptions) (*CostReport, error) {
	records, err := readRecords(ctx, in, o.Records)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("%w: no records to replay", ErrInput)
	}
	c := &comparing{o: o, records: records, sides: [2]*side{{engine: o.Candidate}, {engine: o.Primary}}}
	if err := c.answers(ctx); err != nil {
		return nil, err
	}
	if err := c.measure(ctx); err != nil {
		return nil, err
	}
	return c.report()
}

func readRecords(ctx context.Context, in Records, limit int) ([]record.Record, error) {
	var out []record.Record
	for ctx.Err() == nil && len(out) < limit {
		c, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case errors.Is(err, jsonl.ErrLine):
			continue
		case err != nil:
			return nil, err
		}
		out = append(out, c.Records...)
	}
	return out, ctx.Err()
}

// side is one of the two models.
type side struct {
	engine  shadow.Engine
	answers []compare.Prediction
	known   []bool
	blocks  []float64 // cost of each block's runs
	cpu     time.Duration
	clock   time.Duration
	rows    int
}

type comparing struct {
	o       CostOptions
	records []record.Record
	sides   [2]*side
}

// answers runs everything once: the answers, and the warm-up.
func (c *comparing) answers(ctx context.Context) error {
	for _, s := range c.sides {
		s.answers, s.known = make([]compare.Prediction, len(c.records)), make([]bool, len(c.records))
		for from := 0; from < len(c.records); from += c.o.Batch {
			results, err := s.infer(ctx, c.records[from:min(from+c.o.Batch, len(c.records))])
			if err != nil {
				return err
			}
			for i, r := range results {
				if r.Err != nil {
					continue
				}
				p, err := c.o.Reader.Read(r.Outputs)
				s.answers[from+i], s.known[from+i] = p, err == nil
			}
		}
	}
	return nil
}

func (s *side) infer(ctx context.Context, records []record.Record) ([]shadow.Result, error) {
	samples := make([]shadow.Sample, len(records))
	for i := range records {
		samples[i] = replay.Match(s.engine.Model().Inputs, records[i].Inputs)
	}
	return s.engine.Infer(ctx, samples)
}

// measure runs block after block on both models, who begins in turns, until
// each has been measured for the wanted time.
func (c *comparing) measure(ctx context.Context) error {
	size := max(c.o.Batch, (len(c.records)+costBlocks-1)/costBlocks)
	for round := 0; ; round++ {
		for at, block := 0, 0; at < len(c.records); at, block = at+size, block+1 {
			rows := c.records[at:min(at+size, len(c.records))]
			for turn := range 2 {
				s := c.sides[(turn+block+round)%2]
				if err := c.run(ctx, s, rows, block); err != nil {
					return err
				}
			}
		}
		if min(c.sides[0].clock, c.sides[1].clock) >= c.o.Time {
			return nil
		}
	}
}

func (c *comparing) run(ctx context.Context, s *side, rows []record.Record, block int) error {
	cpu, _ := c.o.CPU()
	start := c.o.Now()
	for from := 0; from < len(rows); from += c.o.Batch {
		if _, err := s.infer(ctx, rows[from:min(from+c.o.Batch, len(rows))]); err != nil {
			return err
		}
	}
	clock := c.o.Now().Sub(start)
	after, _ := c.o.CPU()
	cpu = after - cpu
	s.cpu, s.clock, s.rows = s.cpu+cpu, s.clock+clock, s.rows+len(rows)
	for len(s.blocks) <= block {
		s.blocks = append(s.blocks, 0)
	}
	s.blocks[block] += c.price(cpu, clock, len(rows))
	return nil
}

// price is what rows cost that took so long.
func (c *comparing) price(cpu, clock time.Duration, rows int) float64 {
	a := cost.Amounts{CPUSeconds: cpu.Seconds(), Requests: float64(rows)}
	if c.o.GPU != "" {
		a.GPUSeconds = map[string]float64{c.o.GPU: clock.Seconds()}
	}
	sum := 0.
	for _, v := range cost.Of(c.o.Prices.At(c.o.At), a) {
		sum += v
	}
	return sum
}

func (c *comparing) report() (*CostReport, error) {
	r := &CostReport{Currency: c.o.Prices.Currency, Records: len(c.records), Batch: c.o.Batch, Basis: c.basis()}
	for i, role := range []string{"candidate", "primary"} {
		s := c.sides[i]
		m := s.engine.Model()
		v := CostSide{Role: role, Digest: m.Digest, Provider: m.Provider, Per1k: 1000 * c.price(s.cpu, s.clock, s.rows) / float64(s.rows),
			CPUSeconds: 1000 * s.cpu.Seconds() / float64(s.rows), Seconds: 1000 * s.clock.Seconds() / float64(s.rows)}
		if c.o.PerMonth > 0 {
			month := v.Per1k / 1000 * c.o.PerMonth
			v.Month = &month
		}
		r.Models = append(r.Models, v)
	}
	if err := c.accuracy(r); err != nil {
		return nil, err
	}
	r.Saved = cost.SavedShare(c.sides[0].blocks, c.sides[1].blocks)
	r.Decision = []Criterion{
		{"cost saved", r.Saved, fmt.Sprintf("at least %.4g %%", 100*c.o.Save), met(r.Saved, c.o.Save, true)},
		{"accuracy lost", r.AccuracyLost, fmt.Sprintf("less than %.4g %%", 100*c.o.Lose), met(r.AccuracyLost, c.o.Lose, false)},
	}
	r.Verdict = "yes"
	for _, d := range r.Decision {
		if d.Met == "no" || r.Verdict == "yes" {
			r.Verdict = d.Met
		}
	}
	return r, nil
}

func (c *comparing) basis() string {
	if c.o.GPU != "" {
		return "time of inference on " + c.o.GPU + ", cores, requests; no memory"
	}
	return "time of the cores, requests; no memory"
}

// accuracy fills what labels and answers say.
func (c *comparing) accuracy(r *CostReport) error {
	var n, both, differ, onlyPrimary, onlyCandidate int
	var right [2]int
	name := replaying{o: ReplayOptions{Classes: c.o.Classes}}
	for i := range c.records {
		if !c.sides[0].known[i] || !c.sides[1].known[i] || c.sides[0].answers[i].Class < 0 || c.sides[1].answers[i].Class < 0 {
			continue
		}
		candidate, primary := name.name(c.sides[0].answers[i].Class), name.name(c.sides[1].answers[i].Class)
		both++
		if candidate != primary {
			differ++
		}
		l := c.records[i].Label
		if l == nil || l.Class == "" {
			continue
		}
		n++
		a, b := candidate == l.Class, primary == l.Class
		switch {
		case a && !b:
			onlyCandidate++
		case b && !a:
			onlyPrimary++
		}
		if a {
			right[0]++
		}
		if b {
			right[1]++
		}
	}
	var err error
	for k := range r.Models {
		if r.Models[k].Accuracy, err = performance.Proportion(right[k], n); err != nil {
			return err
		}
	}
	if r.Disagreement, err = performance.Proportion(differ, both); err != nil {
		return err
	}
	r.AccuracyLost = cost.PairedDifference(onlyPrimary, onlyCandidate, n)
	if n == 0 && both > 0 {
		r.AccuracyLost = performance.Metric{Undefined: fmt.Sprintf("no labels; the models differ in %.2f %% of the answers, so no more than that is lost", 100*r.Disagreement.Value)}
	}
	return nil
}

// met holds an interval against a limit.
func met(m performance.Metric, limit float64, above bool) string {
	switch {
	case !m.Defined() || m.Lower < limit && m.Upper >= limit:
		return "undecided"
	case (m.Lower >= limit) == above:
		return "yes"
	}
	return "no"
}

// writeTable writes the part about cost.
func (r *CostReport) writeTable(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "\n%s, %d records in batches of %d; charged: %s\n", r.Currency, r.Records, r.Batch, r.Basis)
	fmt.Fprint(tw, "model\tper 1,000\ta month\tcore seconds per 1,000\taccuracy\n")
	for _, m := range r.Models {
		month := "-"
		if m.Month != nil {
			month = fmt.Sprintf("%.2f", *m.Month)
		}
		fmt.Fprintf(tw, "%s\t%.6g\t%s\t%.4g\t%v\n", m.Role, m.Per1k, month, m.CPUSeconds, m.Accuracy)
	}
	fmt.Fprint(tw, "\ndecision\tmeasured\twanted\tmet\n")
	for _, d := range r.Decision {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", d.Name, percent(d.Measured), d.Wanted, d.Met)
	}
	fmt.Fprintf(tw, "use the candidate\t\t\t%s\n", r.Verdict)
	return tw.Flush()
}

func percent(m performance.Metric) string {
	if !m.Defined() {
		return m.String()
	}
	return fmt.Sprintf("%.2f %% [%.2f, %.2f]", 100*m.Value, 100*m.Lower, 100*m.Upper)
}
