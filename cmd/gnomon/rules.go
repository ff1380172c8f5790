package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/alerts"
	"github.com/gnomon-dev/gnomon/alerts/rules"
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
	return func(_ context.Context, io streams) error {
		f, err := alerts.Load(*config)
		if err != nil {
			return err
		}
		if *compress < 1 {
			return usageError{fmt.Errorf("--compress is %g; give 1 or more", *compress)}
		}
		f.Compress *= *compress
		files, err := alerts.Generate(f)
		if err != nil {
			return err
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
	return func(_ context.Context, io streams) error {
		f, err := alerts.Load(*config)
		if err != nil {
			return err
		}
		if _, err := alerts.Generate(f); err != nil {
			return err
		}
		_, err = fmt.Fprintf(io.out, "valid: %d objectives\n", len(f.SLOs))
		return err
	}
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
