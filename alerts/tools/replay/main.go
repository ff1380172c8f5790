// Replay plays two weeks of one model's traffic, as it happens (daily cycle,
// weekends, nights with next to nothing, deploys, a bad hour, a slow leak and
// two incidents), through Prometheus' own storage, query engine and rule groups,
// and counts what several sets of rules would have told whom.
//
// It is no part of gnomon: it lives in the module of the real tools.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "replay:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	days := flags.Int("days", 14, "days to play")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("usage: replay [--days 14] NAME=FOLDER ...; a folder holds rules/*.yml and perhaps alertmanager/alertmanager.yml")
	}
	results, err := playAll(flags.Args(), *days)
	if err != nil {
		return err
	}
	return table(os.Stdout, results, *days)
}

// playAll plays every NAME=FOLDER, two at a time.
func playAll(args []string, days int) ([]*ledger, error) {
	results, errs := make([]*ledger, len(args)), make([]error, len(args))
	slots := make(chan struct{}, 2)
	var wg sync.WaitGroup
	for i, arg := range args {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			name, dir, ok := strings.Cut(arg, "=")
			if !ok {
				errs[i] = fmt.Errorf("%q is not NAME=FOLDER", arg)
				return
			}
			if results[i], errs[i] = play(name, dir, days); errs[i] != nil {
				errs[i] = fmt.Errorf("%s: %w", name, errs[i])
			}
		})
	}
	wg.Wait()
	return results, errors.Join(errs...)
}

// step is between two scrapes and between two evaluations.
const step = time.Minute

// begin is a Monday.
var begin = time.Date(2026, time.March, 2, 0, 0, 0, 0, time.UTC)

// play runs one set of rules over the weeks.
func play(name, dir string, days int) (*ledger, error) {
	data, err := os.MkdirTemp("", "replay")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(data)
	options := tsdb.DefaultOptions()
	options.RetentionDuration = (90 * 24 * time.Hour).Milliseconds()
	db, err := tsdb.Open(data, slog.New(slog.DiscardHandler), nil, options, nil)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	groups, err := load(dir, db)
	if err != nil {
		return nil, err
	}
	l, err := newLedger(name, dir)
	if err != nil {
		return nil, err
	}
	w := newWorld()
	ctx := context.Background()
	for t := begin; t.Before(begin.AddDate(0, 0, days)); t = t.Add(step) {
		if err := w.scrape(ctx, db, t); err != nil {
			return nil, err
		}
		firing := []*rules.Alert{}
		for _, g := range groups {
			if t.Unix()%int64(max(g.Interval(), step).Seconds()) == 0 {
				g.Eval(ctx, t)
			}
			for _, r := range g.AlertingRules() {
				if err := r.LastError(); err != nil {
					return nil, fmt.Errorf("%s: %w", r.Name(), err)
				}
				for _, a := range r.ActiveAlerts() {
					if a.State == rules.StateFiring {
						firing = append(firing, a)
					}
				}
			}
		}
		l.tell(t, firing)
	}
	return l, nil
}

// load reads the rules in the order of their names within a stage: records
// before what reads them.
func load(dir string, db *tsdb.DB) ([]*rules.Group, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "rules", "*.yml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no rules/*.yml in %s", dir)
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50e6, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true, Parser: parser.NewParser(parser.Options{})})
	m := rules.NewManager(&rules.ManagerOptions{
		QueryFunc: rules.EngineQueryFunc(engine, db), Appendable: db, Queryable: storage.Queryable(db), Context: context.Background(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {}, Logger: slog.New(slog.DiscardHandler), Parser: parser.NewParser(parser.Options{}),
	})
	loaded, errs := m.LoadGroups(step, nilLabels, "", nil, false, paths...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var out []*rules.Group
	seen := map[*rules.Group]bool{}
	for _, stage := range []string{"-base-", "-windows-", "-calendar", "-budgets", "-rows", "-records", "-labels", "record", ""} {
		for _, g := range sorted(loaded) {
			if strings.Contains(g.Name(), stage) && !seen[g] {
				seen[g] = true
				out = append(out, g)
			}
		}
	}
	for _, g := range out {
		for _, r := range g.AlertingRules() {
			r.SetRestored(true)
		}
	}
	return out, nil
}
