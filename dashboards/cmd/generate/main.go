// Command generate writes the dashboards.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/gnomon-dev/gnomon/dashboards/board"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// run writes every dashboard of every variant below a folder, and those with
// gnomon's data source also where the plugin bundles them.
func run(args []string, stdout io.Writer) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: generate DASHBOARDS PLUGIN_DASHBOARDS, such as: generate . ../grafana-plugin/src/dashboards")
	}
	files, err := board.Files()
	if err != nil {
		return err
	}
	for name, body := range files {
		paths := []string{filepath.Join(args[0], name)}
		if filepath.Dir(name) == string(board.Gnomon) {
			paths = append(paths, filepath.Join(args[1], filepath.Base(name)))
		}
		for _, path := range paths {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, body, 0o644); err != nil {
				return err
			}
			fmt.Fprintln(stdout, path)
		}
	}
	return nil
}
