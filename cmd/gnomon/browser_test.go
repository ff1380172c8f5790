package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

const pageFolder = "../../exporter/page/web"

// browser is a headless Chromium that has the page open.
type browser struct {
	mu    sync.Mutex
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	url   string
	seen  int // phases
}

// look is what a person would see.
type look struct {
	Name, Level, Identity string
	Findings              []string
	Features              map[string]struct{ State, Color string }
	Shadows               map[string]struct{ Tone string }
	Overflow              int
	Errors, Foreign       []string
}

// openBrowser prepares a browser, or says why there is none; the page is
// opened when it is first looked at.
func openBrowser(t *testing.T, url string) *browser {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Log("SKIP the page in a browser: no node")
		return nil
	}
	if _, err := os.Stat(filepath.Join(pageFolder, "node_modules", "playwright-core")); err != nil {
		t.Log("SKIP the page in a browser: no playwright-core; make browser installs it")
		return nil
	}
	if os.Getenv("CHROMIUM") == "" && !slices.ContainsFunc([]string{"/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"}, exists) {
		t.Log("SKIP the page in a browser: no Chromium; install it or set CHROMIUM")
		return nil
	}
	return &browser{url: url}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (b *browser) start() error {
	folder, err := filepath.Abs("../../artifacts/page")
	if err != nil {
		return err
	}
	b.cmd = exec.Command("node", "watch.mjs", b.url, folder)
	b.cmd.Dir, b.cmd.Stderr = pageFolder, os.Stderr
	if b.in, err = b.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	b.lines = bufio.NewScanner(out)
	b.lines.Buffer(nil, 1<<20)
	if err := b.cmd.Start(); err != nil {
		return err
	}
	if !b.lines.Scan() {
		return fmt.Errorf("the page did not open: %w", b.cmd.Wait())
	}
	return nil
}

// open opens the page.
func (b *browser) open(t *testing.T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.start(); err != nil {
		t.Error(err)
	}
}

func (b *browser) look(name string) (look, error) {
	var l look
	if _, err := fmt.Fprintln(b.in, name); err != nil {
		return l, err
	}
	if !b.lines.Scan() {
		return l, fmt.Errorf("nothing seen: %w", b.cmd.Wait())
	}
	return l, json.Unmarshal(b.lines.Bytes(), &l)
}

// check looks at the page during a phase. What was seen after its end says
// nothing about it.
func (b *browser) check(t *testing.T, phase string, want telling, runs func() bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	got, err := b.look(phase)
	if err != nil {
		t.Errorf("%s: %v", phase, err)
		return
	}
	if !runs() {
		t.Logf("%s: seen too late, on a busy machine", phase)
		return
	}
	b.seen++
	if got.Level != want.level {
		t.Errorf("%s: the page's verdict is %q (%q), want %q", phase, got.Level, got.Findings, want.level)
	}
	if tone := got.Shadows["twin"].Tone; tone != want.twin || got.Identity != want.match {
		t.Errorf("%s: the twin's card is %q, the fingerprint matches: %q; want %q and %q", phase, tone, got.Identity, want.twin, want.match)
	}
	b.checkFeatures(t, phase, got, want.red)
	if len(got.Errors) > 0 || len(got.Foreign) > 0 || got.Overflow > 0 {
		t.Errorf("%s: console %q, requests elsewhere %q, overflow %d px", phase, got.Errors, got.Foreign, got.Overflow)
	}
	for _, way := range []string{phase + "-dark", phase + "-phone"} {
		if phase != "drift" {
			continue
		}
		if l, err := b.look(way); err != nil || l.Overflow > 0 || len(l.Errors) > 0 {
			t.Errorf("%s: %v, overflow %d px, console %q", way, err, l.Overflow, l.Errors)
		}
	}
}

// checkFeatures: the wanted features are red, and where none are wanted none is.
func (b *browser) checkFeatures(t *testing.T, phase string, got look, red []string) {
	if len(got.Features) == 0 {
		t.Errorf("%s: no features on the page", phase)
	}
	for name, f := range got.Features {
		isRed := f.State == "major" && f.Color == "rgb(179, 38, 30)"
		switch {
		case slices.Contains(red, name) && !isRed:
			t.Errorf("%s: feature %s is %s, %s; want it red", phase, name, f.State, f.Color)
		case len(red) == 0 && isRed && phase != "regression" && phase != "version":
			t.Errorf("%s: feature %s is red", phase, name)
		}
	}
}

func (b *browser) close(t *testing.T) {
	if b == nil || b.cmd == nil {
		return
	}
	if b.seen < 3 {
		t.Errorf("only %d phases were seen on the page", b.seen)
	}
	b.in.Close()
	if err := b.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
