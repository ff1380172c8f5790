package mutate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gnomon-dev/gnomon/alerts/promql"
	"github.com/gnomon-dev/gnomon/alerts/rules"
	"go.yaml.in/yaml/v3"
)

// Settings of a run.
type Settings struct {
	Promtool string
	Dir      string // what gnomon rules generate wrote
	Every    int    // take one mutant in so many; 1 takes all
	Workers  int
	Match    *regexp.Regexp // only mutants whose description matches; nil takes all
	// Progress is told of every mutant; from one goroutine at a time.
	Progress func(m Mutant, killedBy string)
}

// Result of a run.
type Result struct {
	Total, Killed int
	Survivors     []Mutant
}

// Share of the mutants that a test noticed.
func (r Result) Share() float64 {
	if r.Total == 0 {
		return 1
	}
	return float64(r.Killed) / float64(r.Total)
}

// testFile is a test with the rules that it depends on.
type testFile struct {
	name  string
	text  []byte
	needs map[string]bool // records, and alerts as "alert name"
	files []string        // rule files
	took  time.Duration   // of the unchanged rules
}

// runner holds what is read once.
type runner struct {
	Settings
	rules []rules.File
	tests []*testFile
}

// Run makes the mutants and runs the tests on each.
func Run(ctx context.Context, s Settings) (Result, error) {
	r := &runner{Settings: s}
	if err := r.read(); err != nil {
		return Result{}, err
	}
	mutants, err := Mutants(r.rules)
	if err != nil {
		return Result{}, err
	}
	mutants = slices.DeleteFunc(mutants, func(m Mutant) bool { return !r.chosen(m) })
	if err := r.baseline(ctx, mutants); err != nil {
		return Result{}, err
	}
	return r.all(ctx, mutants)
}

// chosen takes one mutant in Every, always the same ones.
func (r *runner) chosen(m Mutant) bool {
	h := fnv.New32a()
	h.Write([]byte(m.String()))
	return int(h.Sum32()%uint32(max(r.Every, 1))) == 0 && (r.Match == nil || r.Match.MatchString(m.String()))
}

// read reads the rules and the tests of the folder.
func (r *runner) read() error {
	paths, err := filepath.Glob(filepath.Join(r.Dir, "rules", "*.yml"))
	if err != nil {
		return err
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return fmt.Errorf("read rules: %w", err)
		}
		f := rules.File{Name: filepath.Base(p)}
		if err := yaml.Unmarshal(text, &f); err != nil {
			return fmt.Errorf("read %s: %w", p, err)
		}
		r.rules = append(r.rules, f)
	}
	paths, err = filepath.Glob(filepath.Join(r.Dir, "tests", "*.yml"))
	if err != nil {
		return err
	}
	for _, p := range paths {
		t, err := r.test(p)
		if err != nil {
			return err
		}
		r.tests = append(r.tests, t)
	}
	if len(r.rules) == 0 || len(r.tests) == 0 {
		return fmt.Errorf("%s holds no rules/*.yml and tests/*.yml; write them with gnomon rules generate --output %s", r.Dir, r.Dir)
	}
	return nil
}

// test reads a test file and finds the rules that its checks depend on.
func (r *runner) test(path string) (*testFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	var content struct {
		RuleFiles []string `yaml:"rule_files"`
		Tests     []struct {
			Checks []struct{ Expr string } `yaml:"promql_expr_test"`
		}
	}
	if err := yaml.Unmarshal(text, &content); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	t := &testFile{name: filepath.Base(path), text: text, needs: map[string]bool{}}
	for _, f := range content.RuleFiles {
		t.files = append(t.files, filepath.Base(f))
	}
	alert := regexp.MustCompile(`alertname="(\w+)"`)
	for _, c := range content.Tests {
		for _, k := range c.Checks {
			if m := alert.FindStringSubmatch(k.Expr); m != nil {
				t.needs["alert "+m[1]] = true
			}
			metrics, err := promql.Metrics(k.Expr)
			if err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", path, k.Expr, err)
			}
			for _, m := range metrics {
				t.needs[m] = true
			}
		}
	}
	return t, r.closure(t)
}

// closure adds what the rules that a test needs read themselves.
func (r *runner) closure(t *testFile) error {
	for grown := true; grown; {
		grown = false
		for _, f := range r.rules {
			if !slices.Contains(t.files, f.Name) {
				continue
			}
			for _, g := range f.Groups {
				for _, rule := range g.Rules {
					if !t.uses(rule) {
						continue
					}
					metrics, err := promql.Metrics(rule.Expr)
					if err != nil {
						return err
					}
					for _, m := range metrics {
						grown = grown || !t.needs[m]
						t.needs[m] = true
					}
				}
			}
		}
	}
	return nil
}

func (t *testFile) uses(r rules.Rule) bool {
	return r.Alert != "" && t.needs["alert "+r.Alert] || r.Record != "" && t.needs[r.Record]
}

// looks says whether a test depends on a mutant's rule.
func (t *testFile) looks(m Mutant) bool { return slices.Contains(t.files, m.File) && t.uses(m.Rule) }

// baseline times every test that is needed on the unchanged rules, which must
// pass; the quickest are tried first.
func (r *runner) baseline(ctx context.Context, mutants []Mutant) error {
	r.tests = slices.DeleteFunc(r.tests, func(t *testFile) bool { return !slices.ContainsFunc(mutants, t.looks) })
	var mu sync.Mutex
	var failed error
	r.each(len(r.tests), func(i int) {
		t := r.tests[i]
		start := time.Now()
		passed, err := r.passes(ctx, t, nil)
		t.took = time.Since(start)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && !passed {
			err = fmt.Errorf("%s fails on the rules as they are; run gnomon rules test %s", t.name, r.Dir)
		}
		if failed == nil {
			failed = err
		}
	})
	slices.SortFunc(r.tests, func(a, b *testFile) int { return int(a.took - b.took) })
	return failed
}

// each runs a function for every index on the workers.
func (r *runner) each(n int, do func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range max(r.Workers, 1) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range next {
				do(i)
			}
		}()
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func (r *runner) all(ctx context.Context, mutants []Mutant) (Result, error) {
	var mu sync.Mutex
	out := Result{Total: len(mutants)}
	var failed error
	r.each(len(mutants), func(i int) {
		by, err := r.kill(ctx, mutants[i])
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			failed = err
		case by != "":
			out.Killed++
		default:
			out.Survivors = append(out.Survivors, mutants[i])
		}
		if r.Progress != nil && err == nil {
			r.Progress(mutants[i], by)
		}
	})
	return out, failed
}

// kill runs the tests that look at a mutant until one fails, and names it.
func (r *runner) kill(ctx context.Context, m Mutant) (by string, err error) {
	for _, t := range r.tests {
		if !t.looks(m) {
			continue
		}
		passed, err := r.passes(ctx, t, &m)
		if err != nil || !passed {
			return t.name, err
		}
	}
	return "", nil
}

// passes runs one test on the rules that it needs, one of them changed.
func (r *runner) passes(ctx context.Context, t *testFile, m *Mutant) (bool, error) {
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	for _, sub := range []string{"rules", "tests"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return false, err
		}
	}
	for _, f := range r.rules {
		if slices.Contains(t.files, f.Name) {
			kept := t.prune(f, m)
			if err := os.WriteFile(filepath.Join(dir, "rules", f.Name), kept.YAML(), 0o600); err != nil {
				return false, err
			}
		}
	}
	path := filepath.Join(dir, "tests", t.name)
	if err := os.WriteFile(path, t.text, 0o600); err != nil {
		return false, err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, r.Promtool, "test", "rules", path)
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() == nil {
		// A mutant that is no valid rule is noticed by Prometheus itself.
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("promtool: %w: %s", err, strings.TrimSpace(out.String()))
	}
	return true, nil
}

// prune keeps the rules that a test needs, one of them changed.
func (t *testFile) prune(f rules.File, m *Mutant) rules.File {
	out := rules.File{Name: f.Name}
	for _, g := range f.Groups {
		kept := rules.Group{Name: g.Name, Interval: g.Interval}
		for i, rule := range g.Rules {
			if !t.uses(rule) {
				continue
			}
			if m != nil && m.File == f.Name && m.Group == g.Name && m.Index == i {
				rule = m.Rule
			}
			kept.Rules = append(kept.Rules, rule)
		}
		if len(kept.Rules) > 0 {
			out.Groups = append(out.Groups, kept)
		}
	}
	return out
}
