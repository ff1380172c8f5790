// Command gnomon watches deep neural networks in production: it stands beside
// a model server, samples its traffic, replays it on a shadow, and says in
// Prometheus whether the model can still be trusted.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
)

// Exit codes, the same for every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitTripped = 3
)

// errTripped is returned by a command whose gate or --fail-on flag tripped:
// the command did its work, and the answer is no.
var errTripped = errors.New("gate tripped")

// usageError marks an error in how the command was called.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// streams is where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// command is one subcommand: register adds its flags to the application and
// returns what runs it.
type command struct {
	name     string
	register func(app *kingpin.Application) runner
}

type runner func(ctx context.Context, io streams) error

// commands is the table of subcommands: a new one is a file and a row.
func commands() []command {
	return []command{
		{"run", registerRun},
		{"demo", registerDemo},
		{"check", registerCheck},
		{"drift", registerDrift},
		{"profile", registerProfile},
		{"replay", registerReplay},
		{"evaluate", registerEvaluate},
		{"labels backup", registerLabelsBackup},
		{"labels restore", registerLabelsRestore},
		{"log delete", registerLogDelete},
		{"log decrypt", registerLogDecrypt},
		{"rules generate", registerRulesGenerate},
		{"rules check", registerRulesCheck},
		{"rules explain", registerRulesExplain},
		{"rules test", registerRulesTest},
		{"rules postmortem", registerRulesPostmortem},
		{"gate", registerGate},
		{"card", registerCard},
		{"report", registerReport},
		{"hook", registerHook},
		{"version", registerVersion},
		{workerCommand, registerWorker},
		{gpuCommand, registerGPUWorker},
		{primaryCommand, registerPrimary},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run parses the arguments, runs the command that they name and returns the
// exit code.
func run(ctx context.Context, args []string, io streams) int {
	app := kingpin.New("gnomon", "Watches deep neural networks in production.")
	app.UsageWriter(io.err).ErrorWriter(io.err)
	done := -1
	app.Terminate(func(code int) { done = code })
	app.HelpFlag.Short('h')

	runners := map[string]runner{}
	for _, c := range commands() {
		runners[c.name] = c.register(app)
	}
	name, err := app.Parse(joinDashes(args))
	switch {
	case done == 0:
		return exitDone // --help
	case err != nil:
		fmt.Fprintf(io.err, "gnomon: %v; try gnomon --help\n", err)
		return exitUsage
	}
	return exitCode(runners[name](ctx, io), io.err)
}

// joinDashes writes "--flag -" as "--flag=-": kingpin takes a lone dash for an
// empty flag, but here it stands for standard input or output.
func joinDashes(args []string) []string {
	var out []string
	for _, a := range args {
		if last := len(out) - 1; a == "-" && last >= 0 && strings.HasPrefix(out[last], "--") && !strings.Contains(out[last], "=") {
			out[last] += "=-"
			continue
		}
		out = append(out, a)
	}
	return out
}

func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	var exit exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, errTripped):
		fmt.Fprintf(stderr, "gnomon: %v\n", err)
		return exitTripped
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "gnomon: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "gnomon: %v\n", err)
		return exitFailed
	}
}
