package gpu

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// state is what is known of the GPUs.
type state struct {
	mu       sync.Mutex
	report   Report
	at       time.Time // of the report
	started  bool      // a worker has reported
	success  map[string]time.Time
	failures map[failure]uint64
	restarts map[string]uint64
	xids     map[xid]uint64
	busy     map[string]float64 // seconds by device
	shares   map[share]float64  // seconds by device and role
	pods     map[string]Pod
	podError string
}

type failure struct{ collector, code string }
type xid struct {
	gpu, uuid string
	code      uint64
}
type share struct{ uuid, role string }

// The roles of processes.
const (
	Primary = "primary"
	Shadow  = "shadow"
	Other   = "other"
)

func (s *state) reset() {
	s.success, s.failures, s.restarts = map[string]time.Time{}, map[failure]uint64{}, map[string]uint64{}
	s.xids, s.busy, s.shares = map[xid]uint64{}, map[string]float64{}, map[share]float64{}
}

// fresh is for how many intervals a report stands for what is.
const fresh = 3

func (v *Supervisor) restarted(reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.restarts[reason]++
}

// take takes a report in.
func (v *Supervisor) take(ctx context.Context, r Report) {
	var pods map[string]Pod
	podError := ""
	if v.s.Pods != nil {
		var err error
		if pods, err = v.s.Pods(ctx); err != nil {
			podError = err.Error()
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.s.Now()
	for name, c := range r.Collectors {
		if c.Error == "" {
			v.success[name] = now
		} else {
			v.failures[failure{name, c.Error}]++
		}
	}
	if passed := now.Sub(v.at); v.started && passed > 0 && passed < fresh*v.s.Interval+v.s.Timeout {
		for i := range r.Devices {
			v.account(&r.Devices[i], passed.Seconds())
		}
	}
	if podError != v.podError && podError != "" {
		v.s.Logger.Warn("the kubelet does not say whose the GPUs are", "error", podError)
	}
	v.report, v.at, v.started, v.pods, v.podError = r, now, true, pods, podError
	for i := range r.Devices {
		d := &r.Devices[i]
		for _, code := range xids() {
			if d.MIG == "" && d.Vendor == "nvidia" {
				v.xids[xid{strconv.Itoa(d.Index), d.UUID, code}] += 0
			}
		}
	}
}

// account adds a device's busy time, and whose it was: by the processes' own
// utilisation where the driver tells it; else all of it is the only role's that
// is on the device, or the primary's where it is one of them.
func (v *Supervisor) account(d *Device, seconds float64) {
	busy, ok := value(d, Utilization)
	if !ok {
		return
	}
	v.busy[d.UUID] += busy * seconds
	shares, told, roles := map[string]float64{}, false, map[string]bool{}
	sum := 0.
	for _, p := range d.Processes {
		role := v.role(p.PID)
		roles[role] = true
		if p.Busy != nil {
			told = true
			shares[role] += *p.Busy
			sum += *p.Busy
		}
	}
	switch {
	case told:
		// Processes overlap and are sampled apart: their sum may be more than the
		// device was busy.
		scale := 1.
		if sum > busy && sum > 0 {
			scale = busy / sum
		}
		for role, s := range shares {
			v.shares[share{d.UUID, role}] += s * scale * seconds
		}
	case roles[Primary] || len(roles) == 0:
		v.shares[share{d.UUID, Primary}] += busy * seconds
	case roles[Shadow]:
		v.shares[share{d.UUID, Shadow}] += busy * seconds
	default:
		v.shares[share{d.UUID, Other}] += busy * seconds
	}
}

func (v *Supervisor) role(pid int) string {
	if v.s.Role == nil {
		return Other
	}
	return v.s.Role(pid)
}

func value(d *Device, metric string) (float64, bool) {
	for _, s := range d.Samples {
		if s.Metric == metric && len(s.Labels) == 0 {
			return s.Value, true
		}
	}
	return 0, false
}

// happened counts events.
func (v *Supervisor) happened(events []Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range events {
		key := xid{"", e.UUID, e.XID}
		for i := range v.report.Devices {
			if d := &v.report.Devices[i]; d.UUID == e.UUID && e.UUID != "" {
				key.gpu = strconv.Itoa(d.Index)
			}
		}
		v.xids[key]++
		v.s.Logger.Warn("GPU reports an error", "gpu", key.gpu, "uuid", e.UUID, "xid", e.XID)
	}
}

// Usage is what the GPUs have done, for cost: counters that only grow.
type Usage struct {
	Found   map[string]float64            // number by name
	Busy    map[string]map[string]float64 // seconds by role and name
	Joules  float64
	Visible bool // processes of the primary were seen on a device
}

// Usage sums up; the zero Usage where there is no GPU.
func (v *Supervisor) Usage() Usage {
	v.mu.Lock()
	defer v.mu.Unlock()
	u := Usage{Found: map[string]float64{}, Busy: map[string]map[string]float64{}}
	for i := range v.report.Devices {
		d := &v.report.Devices[i]
		if d.MIG != "" {
			continue
		}
		u.Found[d.Name]++
		if e, ok := value(d, Energy); ok {
			u.Joules += e
		}
		for key, seconds := range v.shares {
			if key.uuid == d.UUID {
				if u.Busy[key.role] == nil {
					u.Busy[key.role] = map[string]float64{}
				}
				u.Busy[key.role][d.Name] += seconds
				u.Visible = u.Visible || key.role == Primary
			}
		}
	}
	u.Found = maps.Clone(u.Found)
	return u
}

// Busiest is the utilisation of the busiest device, 0 to 1; NaN where no fresh
// report says one.
func (v *Supervisor) Busiest() float64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := math.NaN()
	if !v.started || v.s.Now().Sub(v.at) > fresh*v.s.Interval+v.s.Timeout {
		return out
	}
	for i := range v.report.Devices {
		if u, ok := value(&v.report.Devices[i], Utilization); ok && !(u <= out) {
			out = u
		}
	}
	return out
}

// On is the devices that processes are on, by name, and their mean utilisation;
// all devices where none of the processes is seen. ok is false without a fresh
// report.
func (v *Supervisor) On(pids []int) (found map[string]float64, utilization float64, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.started || v.s.Now().Sub(v.at) > fresh*v.s.Interval+v.s.Timeout {
		return nil, 0, false
	}
	for _, all := range []bool{false, true} {
		found, sum, n := map[string]float64{}, 0., 0.
		for i := range v.report.Devices {
			d := &v.report.Devices[i]
			u, known := value(d, Utilization)
			if !known || !all && !slices.ContainsFunc(d.Processes, func(p Process) bool { return slices.Contains(pids, p.PID) }) {
				continue
			}
			found[d.Name]++
			sum, n = sum+u, n+1
		}
		if n > 0 {
			return found, sum / n, true
		}
	}
	return nil, 0, false
}
