package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/alerts"
	"github.com/gnomon-dev/gnomon/alerts/deliver"
	"github.com/gnomon-dev/gnomon/alerts/exposition"
	"github.com/gnomon-dev/gnomon/alerts/mutate"
	"github.com/gnomon-dev/gnomon/alerts/rules"
	"github.com/gnomon-dev/gnomon/alerts/spec"
)

// rulesCommand is the parent of gnomon rules ...
func rulesCommand(app *kingpin.Application) *kingpin.CmdClause {
	if c := app.GetCommand("rules"); c != nil {
		return c
	}
	return app.Command("rules", "Recording rules and alerts from a file of objectives (SLOs).")
}

func sloFlag(c *kingpin.CmdClause) *string {
	return c.Flag("config", "File of objectives: our short form, OpenSLO v1 or Sloth's; our defaults where left out.").String()
}

func registerRulesGenerate(app *kingpin.Application) runner {
	c := rulesCommand(app).Command("generate", "Write rules, alerts and their tests into a folder.")
	config := sloFlag(c)
	output := c.Flag("output", "Folder to write to.").Required().String()
	compress := c.Flag("compress", "Divide every duration in the rules, to watch days in minutes; never in production.").Default("1").Float64()
	form := c.Flag("format", "Also in another form: prometheusrule (Prometheus Operator), mimir (Mimir's and Cortex's rulers), grafana (alerts that Grafana evaluates). Prometheus and the Thanos ruler take the plain rules.").Default("prometheus").Enum(deliver.Names()...)
	s := deliver.Settings{Labels: map[string]string{}}
	c.Flag("namespace", "Namespace of the PrometheusRules or of Mimir's ruler; Grafana's folder.").StringVar(&s.Namespace)
	c.Flag("label", "Label of the PrometheusRules, as name=value; may be repeated.").StringMapVar(&s.Labels)
	c.Flag("datasource-uid", "Grafana's data source for Prometheus.").StringVar(&s.DataSource)
	return func(_ context.Context, io streams) error {
		f, err := alerts.Load(*config)
		if err != nil {
			return err
		}
		if *compress < 1 {
			return usageError{fmt.Errorf("--compress is %g; give 1 or more", *compress)}
		}
		f.Compress *= *compress
		files, err := alerts.GenerateAs(f, *form, s)
		if err != nil {
			return usageError{err}
		}
		if err := files.Write(*output); err != nil {
			return err
		}
		for _, p := range files.Paths() {
			fmt.Fprintln(io.out, filepath.Join(*output, p))
		}
		return nil
	}
}

func registerRulesCheck(app *kingpin.Application) runner {
	c := rulesCommand(app).Command("check", "Check a file of objectives.")
	config := sloFlag(c)
	metrics := c.Flag("metrics", "What is exported: the address of /metrics, or a file that it was saved to. Objectives that read anything else are refused.").String()
	return func(_ context.Context, io streams) error {
		f, err := alerts.Load(*config)
		if err != nil {
			return err
		}
		if _, err := alerts.Generate(f); err != nil {
			return err
		}
		if *metrics != "" {
			if err := exported(f, *config, *metrics, io); err != nil {
				return err
			}
		}
		_, err = fmt.Fprintf(io.out, "valid: %d objectives\n", len(f.SLOs))
		return err
	}
}

// exported holds the objectives to what is exported, and names the alerts that
// stay quiet with it.
func exported(f *spec.File, config, metrics string, io streams) error {
	names, err := exposition.Load(metrics)
	if err != nil {
		return err
	}
	quiet, err := alerts.QuietAlerts(f, names)
	if err != nil {
		return err
	}
	for _, q := range quiet {
		fmt.Fprintf(io.out, "%s stays quiet: %s is not exported\n", q.Alert, q.Metric)
	}
	if config == "" {
		config = "the default objectives"
	}
	return f.Missing(config, names)
}

func registerRulesExplain(app *kingpin.Application) runner {
	c := rulesCommand(app).Command("explain", "Say of every objective when its alerts fire and what budget is gone by then.")
	config := sloFlag(c)
	return func(_ context.Context, io streams) error {
		f, err := alerts.Load(*config)
		if err != nil {
			return err
		}
		return rules.Explain(io.out, f)
	}
}

func registerRulesTest(app *kingpin.Application) runner {
	c := rulesCommand(app).Command("test", "Run the tests of generated rules with promtool.")
	dir := c.Arg("folder", "Folder that gnomon rules generate wrote.").Required().String()
	promtool := c.Flag("promtool", "The promtool to run.").Default("promtool").String()
	mutated := c.Flag("mutate", "Change one factor, window, comparison or label of the rules at a time and count the changes that a test notices; exit code 3 below --mutate.least.").Bool()
	every := c.Flag("mutate.every", "Take one change in so many, always the same ones.").Default("1").Int()
	least := c.Flag("mutate.least", "Share of the changes that a test must notice.").Default("0.95").Float64()
	match := c.Flag("mutate.match", "Only changes whose description matches this regular expression.").Regexp()
	return func(ctx context.Context, io streams) error {
		tests, err := filepath.Glob(filepath.Join(*dir, "tests", "*.yml"))
		if err != nil {
			return err
		}
		if len(tests) == 0 {
			return usageError{fmt.Errorf("%s holds no tests/*.yml; write them with gnomon rules generate --output %s", *dir, *dir)}
		}
		tool, err := exec.LookPath(*promtool)
		if err != nil {
			return fmt.Errorf("%w; install Prometheus, or build promtool with make tools and name it with --promtool", err)
		}
		if *mutated {
			return mutants(ctx, io, mutate.Settings{Promtool: tool, Dir: *dir, Every: *every, Workers: runtime.NumCPU(), Match: *match}, *least)
		}
		cmd := exec.CommandContext(ctx, tool, append([]string{"test", "rules"}, tests...)...)
		cmd.Stdout, cmd.Stderr, cmd.Env = io.out, io.err, os.Environ()
		err = cmd.Run()
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			return fmt.Errorf("promtool: %w", err)
		}
		return err
	}
}

// mutants measures the tests themselves.
func mutants(ctx context.Context, io streams, s mutate.Settings, least float64) error {
	n := 0
	s.Progress = func(m mutate.Mutant, by string) {
		if n++; by == "" {
			fmt.Fprintf(io.out, "survived %s\n", m)
		}
		if n%100 == 0 {
			fmt.Fprintf(io.err, "%d changes tried\n", n)
		}
	}
	r, err := mutate.Run(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "%d of %d changes were noticed by a test (%.1f %%)\n", r.Killed, r.Total, 100*r.Share())
	if r.Share() < least {
		return fmt.Errorf("%w: less than %.1f %%", errTripped, 100*least)
	}
	return nil
}
