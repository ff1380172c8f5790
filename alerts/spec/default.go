package spec

// DefaultText is the SLO file that is generated from where none is given, and
// what a user begins with.
func DefaultText() string {
	return `apiVersion: gnomon/v1
slos:
  - name: availability
    kind: availability
    objective: 99.9
  - name: latency-p99
    kind: latency
    threshold: 500ms
    objective: 99
    alerts: {page: LatencyP99Burn, ticket: "off"}
  - name: latency-p95
    kind: latency
    threshold: 200ms
    objective: 95
    alerts: {page: "off", ticket: LatencyP95SlowBurn}
  - name: freshness
    kind: freshness
    objective: 99
    alerts: {page: "off"}
  - name: accuracy
    kind: accuracy
    objective: 90
    alerts: {page: "off"}
  - name: calibration
    kind: calibration
    objective: 95
    alerts: {page: "off"}
  - name: agreement
    kind: agreement
    objective: 98
    alerts: {page: "off"}
  - name: drift
    kind: drift
    objective: 95
    alerts: {page: "off"}
  - name: cold-start
    kind: cold_start
    objective: 95
    alerts: {page: "off"}
  - name: cost
    kind: cost
    objective: 95
    alerts: {page: "off"}
`
}
