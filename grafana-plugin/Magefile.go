//go:build mage

package main

import (
	// mage:import
	build "github.com/grafana/grafana-plugin-sdk-go/build"
)

// Default is the target without a name: every platform.
var Default = build.BuildAll
