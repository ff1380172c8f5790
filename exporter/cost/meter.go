package cost

import (
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/prometheus/client_golang/prometheus"
)

// ID names a model and version.
type ID struct{ Model, Version string }

// Usage is one model's traffic since start: counters that only grow.
type Usage struct {
	ID
	Requests float64 // that succeeded
	Seconds  float64 // sum of their durations
}

// Machine is what the server's and gnomon's own processes have used since
// start: counters that only grow, and what is there now.
type Machine struct {
	GPUBusy    map[string]float64 // seconds by GPU name, of the primary
	GPUJoules  float64            // of all GPUs
	CPUSeconds float64            // of the primary's processes
	Memory     float64            // bytes that the primary holds now
	GPUs       map[string]float64 // number by name

	ShadowGPUBusy    map[string]float64
	ShadowCPUSeconds float64 // of gnomon and its shadows
	ShadowMemory     float64
}

// Settings is what a Meter is made of.
type Settings struct {
	Config     config.Cost
	Usage      func() []Usage
	Machine    func() Machine
	Now        func() time.Time
	Registerer prometheus.Registerer
	MaxModels  int // further models are charged together as _other
}

const overflow = "_other"

// Meter adds up costs. Tick is called from one goroutine.
type Meter struct {
	s      Settings
	prices Prices

	cost, reserved   *prometheus.CounterVec
	idle, inferences *prometheus.CounterVec
	hourly           *prometheus.GaugeVec

	mu      sync.Mutex
	at      time.Time
	usage   map[ID]Usage
	machine Machine
	known   []ID // in the order in which they were seen
}

// New registers the metrics and takes the counters' present state as the start.
func New(s Settings) *Meter {
	m := &Meter{s: s, prices: NewPrices(s.Config), usage: map[ID]Usage{}}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		s.Registerer.MustRegister(v)
		return v
	}
	m.cost = vec("gnomon_cost_total", "Cost by busy time and the configured prices: gpu, cpu, memory, energy and request of the model server; shadow is all that gnomon and its shadows use; training is training jobs.", "model", "model_version", "component", "currency")
	m.reserved = vec("gnomon_cost_reserved_total", "Cost of what is reserved for the model server, used or not, split over the models by their request time, evenly while there is none.", "model", "model_version", "component", "currency")
	m.idle = vec("gnomon_cost_idle_total", "Cost of what is reserved and was not busy for any model.", "component", "currency")
	m.inferences = vec("gnomon_cost_inferences_total", "Requests that succeeded, counted over the same intervals as gnomon_cost_total.", "model", "model_version")
	m.hourly = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "gnomon_cost_reserved_per_hour", Help: "What an hour of all that is reserved costs at the prices in effect."}, []string{"currency"})
	s.Registerer.MustRegister(m.hourly)
	m.at, m.machine = s.Now(), s.Machine()
	for _, u := range s.Usage() {
		m.usage[u.ID] = u
		m.charge(u.ID, nil)
	}
	return m
}

// Tick charges what was used since the last one. A step backwards of a counter
// is a restart of what it counts: it counts from 0.
func (m *Meter) Tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.s.Now()
	seconds := now.Sub(m.at).Seconds()
	if seconds <= 0 {
		return
	}
	machine := m.s.Machine()
	price := m.prices.At(now)
	shares, requests := m.traffic()
	was := m.machine

	busy := Amounts{GPUSeconds: grown(was.GPUBusy, machine.GPUBusy), CPUSeconds: growth(was.CPUSeconds, machine.CPUSeconds), ByteSeconds: machine.Memory * seconds, Joules: growth(was.GPUJoules, machine.GPUJoules)}
	own := Amounts{GPUSeconds: grown(was.ShadowGPUBusy, machine.ShadowGPUBusy), CPUSeconds: growth(was.ShadowCPUSeconds, machine.ShadowCPUSeconds), ByteSeconds: machine.ShadowMemory * seconds}
	costs, shadow := Of(price, busy), total(Of(price, own))
	reserved := Of(price, ReservedAmounts(m.s.Config.Reserved, machine.GPUs, seconds))
	m.hourly.WithLabelValues(m.prices.Currency).Set(total(reserved) / seconds * hour)

	for _, id := range m.known {
		share, held := shares[id], shares[id]
		if len(shares) == 0 {
			held = 1 / float64(len(m.known))
		}
		mine := map[string]float64{Request: requests[id] * price.Request, Shadow: shadow * held}
		for component, v := range costs {
			mine[component] = v * share
		}
		m.charge(id, mine)
		for component, v := range reserved {
			add(m.reserved.WithLabelValues(id.Model, id.Version, component, m.prices.Currency), v*held)
		}
		add(m.inferences.WithLabelValues(id.Model, id.Version), requests[id])
	}
	for component, v := range reserved {
		if len(shares) > 0 {
			v -= costs[component]
		}
		add(m.idle.WithLabelValues(component, m.prices.Currency), v)
	}
	m.at, m.machine = now, machine
}

// traffic is each model's share of the request time and its requests in the
// interval. Shares add up to 1; they are empty where there was no request.
func (m *Meter) traffic() (shares, requests map[ID]float64) {
	shares, requests = map[ID]float64{}, map[ID]float64{}
	sum := 0.
	for _, u := range m.s.Usage() {
		was := m.usage[u.ID]
		id := m.admit(u.ID)
		d := growth(was.Seconds, u.Seconds)
		requests[id] += growth(was.Requests, u.Requests)
		m.usage[u.ID] = u
		if d > 0 {
			shares[id] += d
			sum += d
		}
	}
	for id := range shares {
		shares[id] /= sum
	}
	return shares, requests
}

// admit bounds how many models are charged apart.
func (m *Meter) admit(id ID) ID {
	for _, k := range m.known {
		if k == id {
			return id
		}
	}
	if len(m.known) >= m.s.MaxModels {
		id = ID{overflow, ""}
		for _, k := range m.known {
			if k == id {
				return id
			}
		}
	}
	m.known = append(m.known, id)
	return id
}

// charge adds costs to a model's counters, which exist from then on.
func (m *Meter) charge(id ID, costs map[string]float64) {
	id = m.admit(id)
	m.inferences.WithLabelValues(id.Model, id.Version)
	for component, v := range costs {
		if v > 0 {
			m.cost.WithLabelValues(id.Model, id.Version, component, m.prices.Currency).Add(v)
		}
	}
}

// Charge adds the cost of amounts that some other meter has taken, such as a
// training job's, as one component, and returns it.
func (m *Meter) Charge(id ID, component string, a Amounts) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := total(Of(m.prices.At(m.s.Now()), a))
	m.cost.WithLabelValues(id.Model, id.Version, component, m.prices.Currency).Add(v)
	return v
}

func add(c prometheus.Counter, v float64) {
	if v > 0 {
		c.Add(v)
	}
}

func growth(was, now float64) float64 {
	if now < was {
		return now
	}
	return now - was
}

func grown(was, now map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for k, v := range now {
		out[k] = growth(was[k], v)
	}
	return out
}
