package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// Primary is where the model server's processes are found, for memory, GPU
// and cost. Left out, it is whoever listens on the upstream's port where that
// is on this machine.
type Primary struct {
	PID    int    `yaml:"pid"`
	Port   int    `yaml:"port"`   // of this machine; its owner is the model server
	Cgroup string `yaml:"cgroup"` // path of the control group below its mount, such as /kubepods.slice/...
}

// GPU is the collector of GPU metrics.
type GPU struct {
	Enabled       bool     `yaml:"enabled"`
	Interval      Duration `yaml:"interval"`       // between collections
	Timeout       Duration `yaml:"timeout"`        // of one collection; a collector that hangs is replaced
	Links         bool     `yaml:"links"`          // PCIe and NVLink throughput, slow to read
	Compatibility []string `yaml:"compatibility"`  // dcgm, triton: also under the names of these exporters
	KubeletSocket string   `yaml:"kubelet_socket"` // of the pod-resources API
	Library       string   `yaml:"library"`        // libnvidia-ml.so.1; found by the loader where empty
}

// Memory watches control group and processes.
type Memory struct {
	Enabled  bool     `yaml:"enabled"`
	Interval Duration `yaml:"interval"`
	Window   Duration `yaml:"window"` // that the growth of memory is taken over
}

// Capacity says what the model server can do at once.
type Capacity struct {
	Slots  float64  `yaml:"slots"`  // requests that the server works on at once: instances x batch; 0: not known
	Target float64  `yaml:"target"` // utilisation of the slots that is still well, 0 to 1
	Window Duration `yaml:"window"` // that the peak is taken over
}

// ColdStart watches the model server's starts from outside.
type ColdStart struct {
	Interval      Duration `yaml:"interval"`       // between ready probes; 0 is off
	TritonMetrics string   `yaml:"triton_metrics"` // URL of Triton's /metrics, scraped for load durations
}

// Device reads the telemetry of devices that records bring in their metadata.
type Device struct {
	Enabled    bool   `yaml:"enabled"`
	ClassKey   string `yaml:"class_key"` // names of the metadata's entries
	BatteryKey string `yaml:"battery_key"`
	MemoryKey  string `yaml:"memory_key"`
	LatencyKey string `yaml:"latency_key"`
	MaxClasses int    `yaml:"max_classes"` // further classes are counted as _other
	// Expected is the share of the fleet that each class should have.
	Expected map[string]float64 `yaml:"expected"`
}

// Training is one training job that is watched.
type Training struct {
	Job   string `yaml:"job"`
	Model string `yaml:"model"` // the model that it trains; job where empty

	Metrics     string `yaml:"metrics"`     // file of JSON Lines or CSV with step, loss, ...
	TensorBoard string `yaml:"tensorboard"` // folder with event files
	MLflow      MLflow `yaml:"mlflow"`
	Checkpoints string `yaml:"checkpoints"` // pattern of checkpoint files or folders, such as out/*.ckpt
	Log         string `yaml:"log"`         // what the job prints; read for running out of memory
	Primary     `yaml:",inline"`

	LossKey  string   `yaml:"loss"`      // name of the loss among the metrics
	StepTime string   `yaml:"step_time"` // name of the step time in seconds; taken from the times of the steps where empty
	Interval Duration `yaml:"interval"`
	// StalledAfter is how long no step may come, CheckpointAfter how old the
	// newest checkpoint may be.
	StalledAfter    Duration `yaml:"stalled_after"`
	CheckpointAfter Duration `yaml:"checkpoint_after"`
	// GPUs and CPUs that the job has reserved, for its cost.
	Reserved Reserved `yaml:"reserved"`
}

// MLflow is a run of an MLflow tracking server.
type MLflow struct {
	URL string `yaml:"url"`
	Run string `yaml:"run"` // id
}

// machineDefaults are those of the blocks about the machine.
func machineDefaults(c *Config) {
	c.GPU = GPU{Enabled: true, Interval: Duration(10 * time.Second), Timeout: Duration(5 * time.Second), KubeletSocket: "/var/lib/kubelet/pod-resources/kubelet.sock"}
	c.Memory = Memory{Enabled: true, Interval: Duration(10 * time.Second), Window: Duration(30 * time.Minute)}
	c.Capacity = Capacity{Target: .7, Window: Duration(time.Hour)}
	c.ColdStart = ColdStart{Interval: Duration(time.Second)}
	c.Device = Device{ClassKey: "device_class", BatteryKey: "battery_ratio", MemoryKey: "memory_bytes", LatencyKey: "latency_seconds", MaxClasses: 16}
}

// TrainingDefaults fills what a listed job leaves out.
func TrainingDefaults(t *Training) {
	if t.Model == "" {
		t.Model = t.Job
	}
	if t.LossKey == "" {
		t.LossKey = "loss"
	}
	for d, v := range map[*Duration]time.Duration{&t.Interval: 10 * time.Second, &t.StalledAfter: 10 * time.Minute, &t.CheckpointAfter: 2 * time.Hour} {
		if *d == 0 {
			*d = Duration(v)
		}
	}
}

func (c *Config) checkMachine(k *checker) {
	c.Primary.check(k, "primary")
	second := Duration(time.Second)
	if c.GPU.Enabled {
		k.duration("gpu.interval", c.GPU.Interval, second)
		k.duration("gpu.timeout", c.GPU.Timeout, Duration(100*time.Millisecond))
		for i, name := range c.GPU.Compatibility {
			k.oneOf(fmt.Sprintf("gpu.compatibility[%d]", i), name, "dcgm", "triton")
		}
		if c.GPU.Library != "" {
			k.file("gpu.library", c.GPU.Library)
		}
	}
	if c.Memory.Enabled {
		k.duration("memory.interval", c.Memory.Interval, Duration(100*time.Millisecond))
		k.that(c.Memory.Window >= 10*c.Memory.Interval && c.Memory.Window <= 1000*c.Memory.Interval, "memory.window", "write 10 to 1000 times memory.interval", "is %v with an interval of %v", time.Duration(c.Memory.Window), time.Duration(c.Memory.Interval))
	}
	k.that(c.Capacity.Slots >= 0 && c.Capacity.Slots <= 1e6, "capacity.slots", "write how many requests the server works on at once, or 0", "is %v", c.Capacity.Slots)
	k.that(c.Capacity.Target > 0 && c.Capacity.Target <= 1, "capacity.target", "write a share above 0 and at most 1, such as 0.7", "is %v", c.Capacity.Target)
	k.duration("capacity.window", c.Capacity.Window, Duration(time.Minute))
	k.that(c.ColdStart.Interval == 0 || c.ColdStart.Interval >= Duration(50*time.Millisecond), "cold_start.interval", "write at least 50ms, or 0 for off", "is %v", time.Duration(c.ColdStart.Interval))
	if c.ColdStart.TritonMetrics != "" {
		k.url("cold_start.triton_metrics", c.ColdStart.TritonMetrics, "http://127.0.0.1:8002/metrics")
	}
	c.Device.check(k)
	c.Cost.check(k, "cost.")
	jobs := map[string]bool{}
	for i := range c.Training {
		at := fmt.Sprintf("training[%d]", i)
		k.that(!jobs[c.Training[i].Job], at+".job", "give each job a name of its own", "%q is used twice", c.Training[i].Job)
		jobs[c.Training[i].Job] = true
		c.Training[i].check(k, at)
	}
}

func (p *Primary) check(k *checker, at string) {
	k.that(p.PID >= 0, at+".pid", "write a process id, or 0", "is %d", p.PID)
	k.that(p.Port >= 0 && p.Port < 1<<16, at+".port", "write a port from 1 to 65535, or 0", "is %d", p.Port)
}

func (d *Device) check(k *checker) {
	k.that(d.MaxClasses > 0 && d.MaxClasses <= 100, "devices.max_classes", "write a number from 1 to 100", "is %d", d.MaxClasses)
	k.that(!d.Enabled || d.ClassKey != "", "devices.class_key", "name the metadata's entry with the class of the device", "is missing")
	k.that(len(d.Expected) <= max(d.MaxClasses, 0), "devices.expected", "list at most devices.max_classes classes", "lists %d", len(d.Expected))
	for class, share := range d.Expected {
		k.that(share >= 0 && share <= 1, "devices.expected."+class, "write a share from 0 to 1", "is %v", share)
	}
}

func (t *Training) check(k *checker, at string) {
	k.that(regexp.MustCompile(`^[\w.:/-]{1,100}$`).MatchString(t.Job), at+".job", "name the job in letters, digits and . : / -", "%q is no name", t.Job)
	k.that(t.Metrics != "" || t.TensorBoard != "" || t.MLflow.URL != "" || t.Checkpoints != "" || t.Log != "" || t.PID != 0 || t.Cgroup != "" || t.Port != 0, at+".metrics",
		"name a metrics file, a tensorboard folder, an mlflow run, checkpoints or a pid", "there is nothing to watch")
	if t.MLflow.URL != "" {
		k.url(at+".mlflow.url", t.MLflow.URL, "http://127.0.0.1:5000")
		k.that(regexp.MustCompile(`^[\w-]{1,64}$`).MatchString(t.MLflow.Run), at+".mlflow.run", "write the run's id, as MLflow shows it", "%q is no id", t.MLflow.Run)
	}
	t.Primary.check(k, at)
	k.duration(at+".interval", t.Interval, Duration(100*time.Millisecond))
	k.duration(at+".stalled_after", t.StalledAfter, t.Interval)
	k.duration(at+".checkpoint_after", t.CheckpointAfter, t.Interval)
}

func (k *checker) url(field, v, example string) {
	u, err := url.Parse(v)
	k.that(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", field, "write a URL such as "+example, "%q is not an HTTP URL", v)
}

// PrimaryPort is the port of this machine that the model server listens on; 0
// where it is not known.
func (c *Config) PrimaryPort() int {
	if c.Primary.Port != 0 {
		return c.Primary.Port
	}
	u, err := url.Parse(c.Upstream)
	if err != nil || u.Host == "" {
		return 0
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return 0
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	n, _ := strconv.Atoi(port) // url.Parse has checked it
	return n
}
