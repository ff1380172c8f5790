package cost

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func day(t *testing.T, s string) config.Date {
	t.Helper()
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return config.Date{Time: d}
}

func prices(t *testing.T) config.Cost {
	return config.Cost{Currency: "EUR", Prices: []config.Price{
		{GPUHour: map[string]float64{"a100": 3.6, "A100-SXM4-80GB": 7.2, "default": 1}, CPUHour: .36, GBHour: .036, KWh: .3, Request: .001},
		{From: day(t, "2026-07-01"), GPUHour: map[string]float64{"default": 2}, CPUHour: .72},
	}}
}

// TestPriceInEffect: a price holds from its day, to the second, until the next.
func TestPriceInEffect(t *testing.T) {
	p := NewPrices(prices(t))
	change := day(t, "2026-07-01").Time
	for at, want := range map[time.Time]float64{change.AddDate(-10, 0, 0): .36, change.Add(-time.Nanosecond): .36, change: .72, change.AddDate(1, 0, 0): .72} {
		if got := p.At(at).CPUHour; got != want {
			t.Errorf("%v: %v, want %v", at, got, want)
		}
	}
	late := NewPrices(config.Cost{Prices: []config.Price{{From: day(t, "2026-07-01"), CPUHour: 1}}})
	if got := late.At(change.Add(-time.Second)).CPUHour; got != 0 {
		t.Errorf("before the first price: %v", got)
	}
}

func TestGPUHour(t *testing.T) {
	p := prices(t).Prices[0]
	for name, want := range map[string]float64{"NVIDIA A100-SXM4-80GB": 7.2, "NVIDIA A100-PCIE-40GB": 3.6, "a100": 3.6, "NVIDIA T4": 1, "": 1} {
		if got := GPUHour(p, name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
	if got := GPUHour(config.Price{}, "x"); got != 0 {
		t.Errorf("no prices: %v", got)
	}
}

// TestOf: 1 h of an A100 at 3.6, 2 core hours at 0.36, 10 GB for half an hour
// at 0.036, 1 kWh at 0.3 and 5 requests at 0.001.
func TestOf(t *testing.T) {
	got := Of(prices(t).Prices[0], Amounts{GPUSeconds: map[string]float64{"A100": 3600}, CPUSeconds: 7200, ByteSeconds: 1e10 * 1800, Joules: 3.6e6, Requests: 5})
	for component, want := range map[string]float64{GPU: 3.6, CPU: .72, Memory: .18, Energy: .3, Request: .005} {
		if math.Abs(got[component]-want) > 1e-12 {
			t.Errorf("%s: %v, want %v", component, got[component], want)
		}
	}
	if math.Abs(total(got)-4.805) > 1e-12 {
		t.Errorf("total %v", total(got))
	}
}

// world is a machine of the tests.
type world struct {
	now     time.Time
	usage   []Usage
	machine Machine
	reg     *prometheus.Registry
	meter   *Meter
}

func newWorld(t *testing.T, c config.Cost, models int) *world {
	w := &world{now: day(t, "2026-01-01").Time, reg: prometheus.NewPedanticRegistry(), usage: []Usage{{ID: ID{"a", "1"}}, {ID: ID{"b", "1"}}}}
	w.meter = New(Settings{Config: c, Usage: func() []Usage { return w.usage }, Machine: func() Machine { return w.machine }, Now: func() time.Time { return w.now }, Registerer: w.reg, MaxModels: models})
	return w
}

func (w *world) holds(t *testing.T, names []string, want string) {
	t.Helper()
	if err := testutil.GatherAndCompare(w.reg, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// TestAttribution: in one hour an A100 (3.6 an hour) is busy for half of it and
// 4 reserved cores (0.36 each) for 1 core hour; model a has three quarters of
// the request time. Busy: 1.8 and 0.36; reserved: 3.6 and 1.44; idle is the
// rest; the shadow's core hour is a line of its own.
func TestAttribution(t *testing.T) {
	c := prices(t)
	c.Prices[0].Request, c.Prices[0].KWh, c.Prices[0].GBHour = 0, 0, 0
	c.Reserved = config.Reserved{GPUs: map[string]float64{"a100": 1}, CPUs: 4}
	w := newWorld(t, c, 10)
	w.now = w.now.Add(time.Hour)
	w.machine = Machine{GPUBusy: map[string]float64{"NVIDIA A100": 1800}, CPUSeconds: 3600, ShadowCPUSeconds: 3600}
	w.usage = []Usage{{ID{"a", "1"}, 1000, 30}, {ID{"b", "1"}, 100, 10}}
	w.meter.Tick()
	w.holds(t, []string{"gnomon_cost_total", "gnomon_cost_reserved_total", "gnomon_cost_idle_total", "gnomon_cost_inferences_total"}, `
# HELP gnomon_cost_idle_total Cost of what is reserved and was not busy for any model.
# TYPE gnomon_cost_idle_total counter
gnomon_cost_idle_total{component="cpu",currency="EUR"} 1.08
gnomon_cost_idle_total{component="gpu",currency="EUR"} 1.8
# HELP gnomon_cost_inferences_total Requests that succeeded, counted over the same intervals as gnomon_cost_total.
# TYPE gnomon_cost_inferences_total counter
gnomon_cost_inferences_total{model="a",model_version="1"} 1000
gnomon_cost_inferences_total{model="b",model_version="1"} 100
# HELP gnomon_cost_reserved_total Cost of what is reserved for the model server, used or not, split over the models by their request time, evenly while there is none.
# TYPE gnomon_cost_reserved_total counter
gnomon_cost_reserved_total{component="cpu",currency="EUR",model="a",model_version="1"} 1.08
gnomon_cost_reserved_total{component="cpu",currency="EUR",model="b",model_version="1"} 0.36
gnomon_cost_reserved_total{component="gpu",currency="EUR",model="a",model_version="1"} 2.7
gnomon_cost_reserved_total{component="gpu",currency="EUR",model="b",model_version="1"} 0.9
# HELP gnomon_cost_total Cost by busy time and the configured prices: gpu, cpu, memory, energy and request of the model server; shadow is all that gnomon and its shadows use; training is training jobs.
# TYPE gnomon_cost_total counter
gnomon_cost_total{component="cpu",currency="EUR",model="a",model_version="1"} 0.27
gnomon_cost_total{component="cpu",currency="EUR",model="b",model_version="1"} 0.09
gnomon_cost_total{component="gpu",currency="EUR",model="a",model_version="1"} 1.35
gnomon_cost_total{component="gpu",currency="EUR",model="b",model_version="1"} 0.45
gnomon_cost_total{component="shadow",currency="EUR",model="a",model_version="1"} 0.27
gnomon_cost_total{component="shadow",currency="EUR",model="b",model_version="1"} 0.09
`)
}

// TestNothingIsLost: over any intervals, busy and idle add up to what is
// reserved; with and without traffic; over a change of prices and restarts.
func TestNothingIsLost(t *testing.T) {
	c := prices(t)
	c.Reserved = config.Reserved{GPUs: map[string]float64{"a100": 2}, CPUs: 8}
	for i := range c.Prices {
		c.Prices[i].Request, c.Prices[i].GBHour, c.Prices[i].KWh = 0, 0, 0
	}
	w := newWorld(t, c, 10)
	w.now = day(t, "2026-06-30").Time
	for i := range 48 {
		w.now = w.now.Add(time.Hour)
		if i%5 == 4 { // the server was started again
			w.machine.GPUBusy, w.machine.CPUSeconds = map[string]float64{}, 0
		}
		if i%3 != 0 {
			busy := w.machine.GPUBusy["A100"]
			w.machine.GPUBusy = map[string]float64{"A100": busy + 600}
			w.machine.CPUSeconds += 100
			w.usage = []Usage{{ID{"a", "1"}, w.usage[0].Requests + 10, w.usage[0].Seconds + 3}, w.usage[1]}
		}
		w.meter.Tick()
	}
	sum := func(names ...string) float64 {
		out := 0.
		families, err := w.reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			for _, name := range names {
				if f.GetName() == name {
					for _, m := range f.Metric {
						out += m.GetCounter().GetValue()
					}
				}
			}
		}
		return out
	}
	if got, want := sum("gnomon_cost_total", "gnomon_cost_idle_total"), sum("gnomon_cost_reserved_total"); math.Abs(got-want) > 1e-9*want || want == 0 {
		t.Errorf("busy and idle are %v, reserved %v", got, want)
	}
}

// TestModelsAreBounded: what clients make up does not become series.
func TestModelsAreBounded(t *testing.T) {
	w := newWorld(t, prices(t), 3)
	for i := range 50 {
		w.usage = append(w.usage, Usage{ID{"made-up", string(rune('A' + i))}, 1, 1})
	}
	w.now = w.now.Add(time.Minute)
	w.meter.Tick()
	if n, err := testutil.GatherAndCount(w.reg, "gnomon_cost_inferences_total"); err != nil || n != 4 {
		t.Errorf("%d models, %v", n, err)
	}
	if got := testutil.ToFloat64(w.meter.cost.WithLabelValues(overflow, "", Request, "EUR")); math.Abs(got-.049) > 1e-12 {
		t.Errorf("the others cost %v", got)
	}
}
