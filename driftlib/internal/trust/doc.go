// Package trust holds the simulations behind the guarantees of the statistics:
// stated rates of false alarms, delays to detection, intervals that hold what
// they say. Its tests run a short form; make test-statistics runs all of it and
// prints the table of docs/statistics.md.
package trust
