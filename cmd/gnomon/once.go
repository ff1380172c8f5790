package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/config"
	"github.com/gnomon-dev/gnomon/exporter/cost"
	"github.com/gnomon-dev/gnomon/exporter/once"
	"github.com/gnomon-dev/gnomon/exporter/pusher"
)

// exitError is the exit code of a command that gnomon ran for somebody.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("the command ended with %d", int(e)) }

// onceFlags are those of gnomon run --once.
type onceFlags struct {
	on                                  bool
	command                             []string
	job, instance, version, state, cost string
	ready                               *regexp.Regexp
	urls                                map[string]*string
	flush                               time.Duration
}

func (f *onceFlags) register(c *kingpin.CmdClause) {
	c.Flag("once", "Run the command after -- as one invocation of a serverless function, and push what it was.").BoolVar(&f.on)
	c.Flag("job", "Name of the function, the label job of what --once pushes; of the training job, with --train.").StringVar(&f.job)
	c.Flag("instance", "Name of the function's container; the host's name where left out.").StringVar(&f.instance)
	c.Flag("model-version", "Version of the model, for --once and --train.").StringVar(&f.version)
	c.Flag("ready-line", "Regular expression of the line by which the command says that its model is loaded.").RegexpVar(&f.ready)
	f.urls = map[string]*string{}
	for _, k := range pusher.Kinds() {
		f.urls[k.Name] = c.Flag("push."+k.Name, "URL to push to by "+k.Name+".").String()
	}
	c.Flag("push.timeout", "How long pushing may take after the command has ended.").Default("2s").DurationVar(&f.flush)
	c.Flag("once.state", "File that keeps the counters between invocations of a warm container; in the folder for temporary files where left out.").StringVar(&f.state)
	c.Flag("once.cost", "Price file, for the cost of the invocations.").StringVar(&f.cost)
	c.Arg("command", "The command of --once, after --.").StringsVar(&f.command)
}

func (f *onceFlags) check() error {
	if !f.on && len(f.command) > 0 {
		return usageError{errors.New("a command is for --once")}
	}
	if f.on && len(f.command) == 0 {
		return usageError{errors.New("give the command after --, such as gnomon run --once -- python handler.py")}
	}
	return nil
}

// run runs the invocation. Its exit code is the command's, whatever becomes of
// the push.
func (f *onceFlags) run(ctx context.Context, model string, s streams) error {
	f.job = cmp.Or(f.job, "function")
	inv, err := once.Run(ctx, once.Settings{Command: f.command, Stdin: s.in, Out: s.out, Err: s.err, Ready: f.ready, Now: time.Now})
	if err != nil {
		return err
	}
	if err := f.report(inv, model, s.err); err != nil {
		fmt.Fprintf(s.err, "gnomon: %v\n", err)
	}
	if inv.ExitCode != 0 {
		return exitError(inv.ExitCode)
	}
	return nil
}

// report counts and pushes, within the time for it.
func (f *onceFlags) report(inv *once.Invocation, model string, stderr io.Writer) error {
	path := f.state
	if path == "" {
		path = once.StatePath(f.job)
	}
	state, known := once.Load(path, inv.Began)
	state.Add(inv, !known)
	currency, err := f.charge(state, inv)
	if err != nil {
		fmt.Fprintf(stderr, "gnomon: --once.cost: %v\n", err)
	}
	batch := pusher.Batch{Job: f.job, Instance: f.instance, Metrics: once.Metrics(state, inv, model, f.version, currency), Start: state.Start, Time: time.Now()}
	if batch.Instance == "" {
		batch.Instance, _ = os.Hostname() // "" where it has none
	}
	// Not the invocation's own context: what ended it must not end this.
	ctx, cancel := context.WithTimeout(context.Background(), f.flush)
	defer cancel()
	var errs []error
	for _, k := range pusher.Kinds() {
		if url := *f.urls[k.Name]; url != "" {
			errs = append(errs, pusher.Push(ctx, &http.Client{}, pusher.Target{Kind: k.Name, URL: url}, batch))
		}
	}
	if err = errors.Join(errs...); err != nil {
		state.LostPushes++
	}
	return errors.Join(err, state.Save(path))
}

// charge adds an invocation's cost to the state.
func (f *onceFlags) charge(s *once.State, inv *once.Invocation) (currency string, err error) {
	if f.cost == "" {
		return "", nil
	}
	c, err := config.LoadPrices(f.cost)
	if err != nil {
		return "", err
	}
	p := cost.NewPrices(*c)
	for component, v := range cost.Of(p.At(inv.Began), cost.Amounts{CPUSeconds: inv.CPUSeconds, ByteSeconds: float64(inv.Resident) * inv.Duration.Seconds(), Requests: 1}) {
		s.Cost[component] += v
	}
	return p.Currency, nil
}
