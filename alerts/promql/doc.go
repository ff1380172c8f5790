// Package promql reads PromQL expressions far enough to refuse a faulty one
// and to name the metrics that it needs.
//
// It exists because the generator must say "line 12: unbalanced parenthesis"
// without Prometheus' own parser, whose module is many times the size of
// everything else here. It checks the grammar and the arity of functions, not
// types: a differential test in alerts/tools holds it to the real parser, and
// `promtool check rules` has the last word there.
package promql
