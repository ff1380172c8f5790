// Package spec reads SLO files: our short form, OpenSLO v1 and Sloth's
// prometheus/v1, into one File that the generator works from.
//
// Design decision: whatever the format, decoding is strict and every fault
// carries file, line, field, reason and fix; Parse reports all faults at once.
// A kind of SLI is a row of the table in kinds.go: queries for bad and total
// events or a condition that is looked at again and again.
package spec
