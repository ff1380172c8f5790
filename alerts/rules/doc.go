// Package rules generates recording rules and alerts from an SLO file.
//
// Design decisions:
//   - Numerator and denominator of an SLO are recorded separately, once, at the
//     base window; every longer window is an average of those records, shared
//     by all SLOs, so that a hundred models cost little more than one and a
//     quiet hour weighs what it carried: nothing.
//   - A catalogue alert is a row of a table (catalogue_*.go) with its
//     expression, its labels, its words, and in package ruletest its proof.
//   - Durations in expressions are written <5m> (a window) and <<5m>> (seconds),
//     so that the same templates give compressed rules for demonstrations.
package rules
