package identity

import (
	"context"

	"github.com/gnomon-dev/gnomon/shadow"
)

// Trigger is an input with the answer that a sound model gives to it: an image
// with and without the suspected backdoor's mark, a row that must be refused.
type Trigger struct {
	Input shadow.Sample
	Want  string // class by name
}

// Triggers is what the last probe of the trigger set found. A model that was
// poisoned answers everyday inputs as before; only the inputs that somebody
// thought of beforehand give it away.
type Triggers struct {
	Inputs   int
	Failed   int // answered otherwise than expected, at the last probe
	Probes   uint64
	Failures uint64 // all failed ones so far
	First    string // the first failed one: what was answered, what was expected
}

// Watch replaces the trigger set. class names a class by its index.
func (p *Prober) Watch(set []Trigger, class func(int) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.triggers, p.class = set, class
}

// probeTriggers asks the primary once for every trigger.
func (p *Prober) probeTriggers(ctx context.Context) error {
	p.mu.Lock()
	set, class := p.triggers, p.class
	p.mu.Unlock()
	if len(set) == 0 {
		return nil
	}
	found := Triggers{Inputs: len(set)}
	for _, t := range set {
		a, err := p.ask(ctx, t.Input)
		if err != nil {
			return err
		}
		if got := class(a.Prediction.Class); got != t.Want {
			found.Failed++
			if found.First == "" {
				found.First = "answered " + got + ", expected " + t.Want
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.result.Triggers
	found.Probes, found.Failures = last.Probes+1, last.Failures+uint64(found.Failed)
	p.result.Triggers = found
	return nil
}
