package spec

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/promql"
)

// validate reports everything that is wrong with a complete file.
func (c *checker) validate(f *File) {
	if f.APIVersion != "gnomon/v1" {
		c.add("apiVersion", "write apiVersion: gnomon/v1", "%q is not known", f.APIVersion)
	}
	if f.Compress < 1 || f.Compress > 600 || math.IsNaN(f.Compress) {
		c.add("compress", "write 1, or up to 600 to watch days in minutes", "%v is not between 1 and 600", f.Compress)
	}
	if f.Interval.Std() < time.Second || f.Interval.Std() > 2*time.Minute {
		c.add("evaluation_interval", "write 1s to 2m; 30s suits most", "%s: the shortest window is 5m and needs several evaluations", f.Interval)
	}
	if _, err := regexp.Compile(f.Job); err != nil {
		c.add("job", "write the name of the scrape job, or a regular expression", "%v", err)
	}
	c.url("runbooks", f.Runbooks)
	c.url("dashboards", f.Dashboards)
	if len(f.SLOs) == 0 {
		c.add("slos", "add at least one SLO", "there is none")
	}
	if len(f.SLOs) > 5000 {
		c.add("slos", "leave model out: one SLO then holds for every model", "%d SLOs are more than 5000", len(f.SLOs))
		return
	}
	c.thresholds(&f.Thresholds)
	c.notify(&f.Notify)
	seen := map[string]int{}
	for i := range f.SLOs {
		s := &f.SLOs[i]
		at := fmt.Sprintf("slos[%d]", i)
		for _, model := range []string{"", s.Model} { // an SLO of all models covers each
			if j, ok := seen[s.Name+"\x00"+model]; ok {
				c.add(at+".name", "give it another name or another model", "%q is also the name of the SLO on line %d", s.Name, f.SLOs[j].line)
				break
			}
		}
		seen[s.Name+"\x00"+s.Model] = i
		c.slo(at, s)
	}
}

func (c *checker) url(field, s string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		c.add(field, "write a URL that begins with https://", "%q is not a URL", s)
	}
}

func name() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`) }

func (c *checker) slo(at string, s *SLO) {
	if !name().MatchString(s.Name) {
		c.add(at+".name", "write lower-case letters, digits and - (at most 64)", "%q is not a name", s.Name)
	}
	kind, ok := Kinds()[s.Kind]
	if !ok {
		var known []string
		for k := range Kinds() {
			known = append(known, k)
		}
		slices.Sort(known)
		c.add(at+".kind", "write one of "+strings.Join(known, ", "), "%q is not a kind of SLI", s.Kind)
		return
	}
	c.objective(at, s)
	if !slices.Contains([]string{"7d", "28d", "30d", "month"}, s.Period) {
		c.add(at+".period", "write 7d, 28d, 30d or month", "%q is not a period", s.Period)
	}
	if s.Impossible != "rescale" && s.Impossible != "refuse" {
		c.add(at+".impossible", "write rescale or refuse", "%q is neither", s.Impossible)
	}
	if n := *s.MinFailures; n < 0 || n > 1e9 || math.IsNaN(n) {
		c.add(at+".min_failures", "write a count, 10 for most", "%v is not a count", n)
	}
	for _, a := range []struct{ field, value string }{{".alerts.page", s.Alerts.Page}, {".alerts.ticket", s.Alerts.Ticket}} {
		if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*$`).MatchString(a.value) {
			c.add(at+a.field, "write letters and digits, or off", "%q is not the name of an alert", a.value)
		}
	}
	c.threshold(at, s, kind)
	c.queries(at, s)
	c.tiers(at, s)
}

func (c *checker) objective(at string, s *SLO) {
	o := s.Objective
	switch field := at + ".objective"; {
	case math.IsNaN(o) || o <= 0 || o >= 100:
		c.add(field, "write percent between 50 and 100, both excluded: 99.9", "%v is impossible: 100 leaves no budget, and 0 or less is no objective", o)
	case o <= 1:
		c.add(field, fmt.Sprintf("write percent: %.6g", o*100), "%v looks like a share", o)
	case o <= 50:
		c.add(field, "set an objective above 50", "at %v %% no burn rate above 2 exists: nothing could alert", o)
	case o > 99.9999:
		c.add(field, "write at most 99.9999", "%v %% is less than one failure in a million; no window holds so many requests", o)
	}
}

func (c *checker) threshold(at string, s *SLO, k Kind) {
	field := at + ".threshold"
	switch {
	case k.Unit == "" && s.Threshold != "":
		c.add(field, "leave it out", "an SLO of kind %s has none", s.Kind)
	case k.Unit == "duration":
		d, err := ParseDuration(s.Threshold)
		if err != nil {
			c.add(field, "write a duration: 500ms, 10m", "%v", err)
		} else if s.Kind == "latency" && !slices.Contains(Buckets(), d.Std().Seconds()) {
			best := Buckets()[0]
			for _, b := range Buckets() {
				if math.Abs(math.Log(b/d.Std().Seconds())) < math.Abs(math.Log(best/d.Std().Seconds())) {
					best = b
				}
			}
			c.add(field, "write "+Duration(best*float64(time.Second)).String(), "%s is not a boundary of gnomon_request_duration_seconds", d)
		}
	case k.Unit == "number":
		if v, err := strconv.ParseFloat(s.Threshold, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			c.add(field, "write a number", "%q is not a number", s.Threshold)
		}
	}
}

// queries checks the user's own PromQL.
func (c *checker) queries(at string, s *SLO) {
	given := []struct{ field, value string }{{"bad", s.Bad}, {"good", s.Good}, {"total", s.Total}, {"query", s.Query}, {"op", s.Op}, {"shadow", s.Shadow}}
	allowed := map[string][]string{"ratio": {"bad", "good", "total"}, "threshold": {"query", "op"}, "agreement": {"shadow"}}[s.Kind]
	for _, g := range given {
		if g.value != "" && !slices.Contains(allowed, g.field) {
			c.add(at+"."+g.field, "leave it out, or choose kind ratio or threshold", "an SLO of kind %s has no such query", s.Kind)
		}
	}
	switch s.Kind {
	case "ratio":
		if s.Total == "" {
			c.add(at+".total", "write total: with the PromQL of all events, as a rate over [{{window}}]", "is missing")
		}
		if (s.Bad == "") == (s.Good == "") {
			c.add(at+".bad", "write either bad: or good:", "exactly one of bad and good is needed")
		}
		for _, g := range given[:3] {
			c.query(at+"."+g.field, g.value, s.Model, true)
		}
	case "threshold":
		if s.Query == "" {
			c.add(at+".query", "write query: with the PromQL of a gauge", "is missing")
		}
		if inverse()[s.Op] == "" {
			c.add(at+".op", "write lt, lte, gt or gte: when it is good", "%q is no comparison", s.Op)
		}
		c.query(at+".query", s.Query, s.Model, false)
	}
}

func (c *checker) query(field, q, model string, windowed bool) {
	if q == "" {
		return
	}
	if windowed && !strings.Contains(q, "["+Window+"]") {
		c.add(field, "write rate(name_total["+Window+"])", "has no [%s]: the generator needs the rate over several windows", Window)
	}
	err := promql.Check(strings.ReplaceAll(q, Window, "5m"))
	var syntax *promql.SyntaxError
	if errors.As(err, &syntax) {
		c.add(field, "correct the PromQL", "bad PromQL: %v", err)
	}
	if model == "" && !strings.Contains(q, "model") {
		c.add(field, "add model: to the SLO, or aggregate by (model, model_version)", "no model: its alert would not say what is wrong")
	}
}

func (c *checker) tiers(at string, s *SLO) {
	for i, t := range s.Tiers {
		field := fmt.Sprintf("%s.tiers[%d]", at, i)
		if !slices.Contains([]string{"fast", "medium", "slow", "trend"}, t.Name) {
			c.add(field+".tier", "write fast, medium, slow or trend", "%q is not a tier", t.Name)
		}
		if t.Class != "page" && t.Class != "ticket" {
			c.add(field+".class", "write page or ticket", "%q is neither", t.Class)
		}
		if t.Short <= 0 || t.Long <= t.Short {
			c.add(field+".long", "write a long window of about 12 times the short one", "long %s must be longer than short %s", t.Long, t.Short)
		}
		if t.Long.Std() > s.Length() {
			c.add(field+".long", "write a window shorter than the period", "%s is longer than the period", t.Long)
		}
		if !(t.Factor > 0 && t.Factor < 1e6) {
			c.add(field+".factor", "write a factor above 0: 14.4, 6, 3, 1", "%v is no factor", t.Factor)
		} else if s.Impossible == "refuse" && t.Factor*(1-s.Target()) >= 1 {
			c.add(field+".factor", "lower the factor, or leave impossible: refuse out", "%v x (1 - %v %%) >= 1: it can never fire", t.Factor, s.Objective)
		}
		for j := range i {
			if s.Tiers[j].Name == t.Name {
				c.add(field+".tier", "use each tier once", "%q is there twice", t.Name)
			}
		}
	}
	if s.Impossible == "refuse" && len(s.Tiers) == 0 && 14.4*(1-s.Target()) >= 1 {
		c.add(at+".objective", "raise the objective above 93.06, or write impossible: rescale", "14.4 x (1 - %v %%) >= 1: the fast tier could never fire", s.Objective)
	}
}

func (c *checker) thresholds(t *Thresholds) {
	for field, v := range t.ratios() {
		if !(v > 0 && v <= 1) {
			c.add("thresholds."+field, "write a share between 0 and 1", "%v is not", v)
		}
	}
	if t.AccuracyFloor >= t.AccuracyTarget {
		c.add("thresholds.accuracy_floor", "write a floor below accuracy_target", "%v is not below %v", t.AccuracyFloor, t.AccuracyTarget)
	}
	if t.DriftPSIClear >= t.DriftPSI || t.DriftPSI <= 0 || t.DriftPSIClear <= 0 {
		c.add("thresholds.drift_psi_clear", "write about half of drift_psi", "%v is not below drift_psi %v", t.DriftPSIClear, t.DriftPSI)
	}
	if t.CalibrationClear >= t.CalibrationError {
		c.add("thresholds.calibration_clear", "write a value below calibration_error", "%v is not below %v", t.CalibrationClear, t.CalibrationError)
	}
	if t.MemoryLeftPage >= t.MemoryLeft {
		c.add("thresholds.memory_left_page", "write a duration shorter than memory_left", "%s is not shorter than %s", t.MemoryLeftPage, t.MemoryLeft)
	}
	if t.StalePageAfter <= t.StaleAfter {
		c.add("thresholds.stale_page_after", "write a duration longer than stale_after", "%s is not longer than %s", t.StalePageAfter, t.StaleAfter)
	}
	if !(t.MinSamples >= 1 && t.MinSamples <= 1e9) || !(t.DriftSigma > 0) || !(t.SkewPagePSI > t.DriftPSI) || !(t.CostPer1k > 0) || !(t.ThroughputMin > 0) {
		c.add("thresholds", "write positive numbers; skew_page_psi above drift_psi", "min_samples, drift_sigma, skew_page_psi, cost_per_1k or throughput_min is out of range")
	}
}
