package config

import "fmt"

// Experiment compares two arms of a model by key figures, at any time.
type Experiment struct {
	Name      string `yaml:"name"`
	Control   Arm    `yaml:"control"`
	Treatment Arm    `yaml:"treatment"`
	// Figures decide; all must hold.
	Figures []Figure `yaml:"figures"`
	// Shares of the traffic that control and treatment should have, for the
	// check of the split; empty: not checked.
	Shares []float64 `yaml:"shares"`
	// Covariate is a business figure from before the experiment, which takes its
	// part of the variance away.
	Covariate string `yaml:"covariate"`
}

// Arm is one side: a version, a slice, a shadow, or the primary itself. Exactly
// one is set.
type Arm struct {
	Version string `yaml:"version"`
	Slice   string `yaml:"slice"`  // a slice's name, such as X-Cohort=b
	Shadow  string `yaml:"shadow"` // a shadow's name; the other arm is then the primary
	Primary bool   `yaml:"primary"`
}

// String is what the arm is called in metrics and words.
func (a Arm) String() string {
	switch {
	case a.Version != "":
		return "version " + a.Version
	case a.Slice != "":
		return a.Slice
	case a.Shadow != "":
		return "shadow " + a.Shadow
	}
	return "primary"
}

func (a Arm) set() int {
	n := 0
	for _, is := range []bool{a.Version != "", a.Slice != "", a.Shadow != "", a.Primary} {
		if is {
			n++
		}
	}
	return n
}

// Figure is a key figure and how much worse the treatment may be by it.
type Figure struct {
	KPI    string  `yaml:"kpi"`    // accuracy, absolute_error, or a business figure of the labels
	Better string  `yaml:"better"` // higher, lower
	Margin float64 `yaml:"margin"`
}

func experimentDefaults(e *Experiment) {
	if len(e.Figures) == 0 {
		e.Figures = []Figure{{KPI: "accuracy", Margin: .01}}
	}
	for i := range e.Figures {
		f := &e.Figures[i]
		if f.Better == "" {
			f.Better = "higher"
			if f.KPI == "absolute_error" {
				f.Better = "lower"
			}
		}
	}
	if e.Treatment.Shadow != "" && e.Control.set() == 0 {
		e.Control.Primary = true
	}
}

func (e *Experiment) check(k *checker, at string, m *Model) {
	k.that(e.Name != "", at+".name", "give the experiment a name, such as canary", "is missing")
	for name, a := range map[string]Arm{".control": e.Control, ".treatment": e.Treatment} {
		k.that(a.set() == 1, at+name, "write one of version, slice, shadow and primary", "%d of them are set", a.set())
		k.that(a.Shadow == "" || m.shadow(a.Shadow), at+name+".shadow", "write the name of one of the model's shadows", "there is no shadow %q", a.Shadow)
	}
	paired := e.Control.Shadow != "" || e.Treatment.Shadow != ""
	k.that(!paired || e.Control.Primary || e.Treatment.Primary || e.Control.Shadow != "" && e.Treatment.Shadow != "", at+".control", "write primary: true; a shadow answers the primary's own records", "is not on the same records as the shadow")
	k.that(paired || !e.Control.Primary && !e.Treatment.Primary, at+".control.primary", "write a version or a slice; primary is the other side of a shadow", "is set, and no arm is a shadow")
	for i, f := range e.Figures {
		fat := fmt.Sprintf("%s.figures[%d]", at, i)
		k.that(f.KPI != "", fat+".kpi", "write accuracy, absolute_error, or a business figure of the labels", "is missing")
		k.oneOf(fat+".better", f.Better, "higher", "lower")
		k.that(f.Margin >= 0, fat+".margin", "write how much worse the treatment may be, such as 0.01", "is %v", f.Margin)
	}
	k.that(len(e.Shares) == 0 || len(e.Shares) == 2 && e.Shares[0] > 0 && e.Shares[1] > 0, at+".shares", "write two shares above 0, of control and treatment, such as [0.9, 0.1]", "is %v", e.Shares)
	k.that(len(e.Shares) == 0 || !paired, at+".shares", "leave it out: a shadow answers every record", "is set, and an arm is a shadow")
}

// shadow reports whether there is a shadow of that name.
func (m *Model) shadow(name string) bool {
	for i := range m.Shadows {
		if m.Shadows[i].Name == name {
			return true
		}
	}
	return false
}
