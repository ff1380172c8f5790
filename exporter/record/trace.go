package record

import "strconv"

// TraceID is the trace's id of a W3C traceparent: version-id-parent-flags; ""
// where it is none.
func TraceID(traceparent string) string {
	if len(traceparent) < 55 || traceparent[2] != '-' || traceparent[35] != '-' {
		return ""
	}
	id := traceparent[3:35]
	if _, err := strconv.ParseUint(id[:16], 16, 64); err != nil {
		return ""
	}
	return id
}
