package main

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kingpin/v2"
)

// version is set by the linker (-X main.version=...).
var version = "dev"

// revision is the commit that the binary was built from, where Go knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

func registerVersion(app *kingpin.Application) runner {
	app.Command("version", "Print the version of gnomon.")
	return func(_ context.Context, io streams) error {
		_, err := fmt.Fprintf(io.out, "gnomon %s (revision %s, %s, %s/%s)\n", version, orUnknown(revision()), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return err
	}
}

// goVersion is the Go that built this binary.
func goVersion() string { return runtime.Version() }

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
