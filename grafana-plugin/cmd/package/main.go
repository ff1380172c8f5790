// Command package makes the zip that Grafana installs: it builds the backend for
// the platforms, writes the manifest of the Go files, zips the folder of the
// built plugin with checksums, and checks the zip.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pack"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "package:", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("package", flag.ContinueOnError)
	platforms := flags.String("platforms", "linux/amd64,linux/arm64,darwin/amd64,darwin/arm64,windows/amd64", "for which the backend is built; empty builds none")
	dist := flags.String("dist", "dist", "folder of the built front end; the backend is built into it")
	out := flags.String("output", "artifacts", "folder of the zip")
	if err := flags.Parse(args); err != nil {
		return err
	}
	info, err := buildInfo(*dist)
	if err != nil {
		return err
	}
	for _, p := range strings.FieldsFunc(*platforms, func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := build(p, *dist, info); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "built", p)
	}
	manifest, err := pack.Manifest(".")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*dist, "go_plugin_build_manifest"), manifest, 0o644); err != nil {
		return err
	}
	name, err := pack.Pack(*dist, *out)
	if err != nil {
		return err
	}
	faults, err := pack.Check(name)
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s is not ready to install:\n  %s", name, strings.Join(faults, "\n  "))
	}
	size, err := os.Stat(name)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s  %.1f MB, checked; md5, sha1 and sha256 beside it. To sign it: npx @grafana/sign-plugin\n", name, float64(size.Size())/1e6)
	return nil
}

// buildInfo is what the SDK tells upstreams, in its user agent, and Grafana. It
// has no time: the same sources give the same binary.
func buildInfo(dist string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dist, "plugin.json"))
	if err != nil {
		return "", fmt.Errorf("%w; build the front end first: make plugin", err)
	}
	var p pack.Plugin
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", fmt.Errorf("plugin.json: %w", err)
	}
	out, err := json.Marshal(map[string]string{"pluginID": p.ID, "version": p.Info.Version})
	return string(out), err
}

func build(platform, dist, info string) error {
	goos, goarch, ok := strings.Cut(platform, "/")
	if !ok {
		return fmt.Errorf("platform %q is not OS/ARCHITECTURE", platform)
	}
	name := filepath.Join(dist, "gpx_gnomon_"+goos+"_"+goarch)
	if goos == "windows" {
		name += ".exe"
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X 'github.com/grafana/grafana-plugin-sdk-go/build/buildinfo.buildInfoJSON="+info+"'", "-o", name, "./pkg")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build for %s: %w: %s", platform, err, out)
	}
	return nil
}
