package cost

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
)

// The components of a cost.
const (
	GPU      = "gpu"      // hours of GPUs
	CPU      = "cpu"      // hours of cores
	Memory   = "memory"   // hours of gigabytes
	Energy   = "energy"   // kilowatt hours at the GPUs
	Request  = "request"  // requests, where they are what is paid for
	Shadow   = "shadow"   // what gnomon and its shadows use, of all of these
	Training = "training" // what training jobs use
)

// Prices is a price list over time.
type Prices struct {
	Currency string
	list     []config.Price
}

// NewPrices takes the prices of a checked configuration.
func NewPrices(c config.Cost) Prices { return Prices{c.Currency, c.Prices} }

// At is the price in effect at a time; before the first one's day, all is 0.
func (p Prices) At(t time.Time) config.Price {
	for i := len(p.list) - 1; i >= 0; i-- {
		if !t.Before(p.list[i].From.Time) {
			return p.list[i]
		}
	}
	return config.Price{}
}

// GPUHour is the price of an hour of a GPU by the name that its driver gives:
// of the longest type that the name contains, whatever the case, else of
// default, else 0.
func GPUHour(p config.Price, name string) float64 {
	name = strings.ToLower(name)
	best, found := "", false
	for kind := range p.GPUHour {
		if strings.Contains(name, strings.ToLower(kind)) && (len(kind) > len(best) || len(kind) == len(best) && kind < best) {
			best, found = kind, true
		}
	}
	if found {
		return p.GPUHour[best]
	}
	return p.GPUHour["default"]
}

// Amounts are resources used in some time.
type Amounts struct {
	GPUSeconds  map[string]float64 // by the GPU's name
	CPUSeconds  float64            // of one core
	ByteSeconds float64            // of memory
	Joules      float64
	Requests    float64
}

// bytesInGB: prices are for 10^9 bytes, as clouds bill them.
const (
	hour      = 3600.
	bytesInGB = 1e9
	kWh       = 3.6e6 // joules
)

// Of is what amounts cost, by component. Components of price 0 are absent.
func Of(p config.Price, a Amounts) map[string]float64 {
	out := map[string]float64{}
	add := func(component string, v float64) {
		if v > 0 {
			out[component] += v
		}
	}
	for name, s := range a.GPUSeconds {
		add(GPU, s/hour*GPUHour(p, name))
	}
	add(CPU, a.CPUSeconds/hour*p.CPUHour)
	add(Memory, a.ByteSeconds/hour/bytesInGB*p.GBHour)
	add(Energy, a.Joules/kWh*p.KWh)
	add(Request, a.Requests*p.Request)
	return out
}

// ReservedAmounts is what a reservation is in some seconds. found are the GPUs
// that the machine has, by name, where the reservation does not say.
func ReservedAmounts(r config.Reserved, found map[string]float64, seconds float64) Amounts {
	gpus := r.GPUs
	if len(gpus) == 0 {
		gpus = found
	}
	a := Amounts{GPUSeconds: map[string]float64{}, CPUSeconds: r.CPUs * seconds, ByteSeconds: float64(r.Memory) * seconds}
	for name, n := range gpus {
		a.GPUSeconds[name] = n * seconds
	}
	return a
}

// total is the sum over components, added in one order.
func total(costs map[string]float64) float64 {
	sum := 0.
	for _, k := range sortedKeys(costs) {
		sum += costs[k]
	}
	return sum
}

func sortedKeys(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(a, b) })
	return out
}
