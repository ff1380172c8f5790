// Package alerts turns an SLO file into recording rules, alerts, their tests,
// an Alertmanager configuration and the formats that rulers take.
//
// Its one job is to put the packages below it together for the command line:
// spec reads, rules generates, ruletest proves, alertmanager routes, runbooks
// tells people what to do.
package alerts
