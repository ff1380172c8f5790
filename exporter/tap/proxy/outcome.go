package proxy

import (
	"bytes"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

// clientFaults are messages of answers with status 500 that are the client's
// fault all the same. Servers that say 500 for a body they cannot parse:
//
//   - Triton: "failed to parse the request JSON buffer: ..."
//   - Triton, binary extension: "Unable to parse 'inputs': ...", "unexpected
//     size for input ..."
func clientFaults() [][]byte {
	return [][]byte{
		[]byte("failed to parse the request JSON"),
		[]byte("Unable to parse '"),
		[]byte("unable to parse 'inputs'"),
	}
}

// Classify says whose fault an answer is, by its status and the start of its
// body: up to 399 success; 4xx the client's; 502, 503 and 504 the
// infrastructure's; every other one the model's, unless the message says that
// the request could not be parsed.
func Classify(status int, message []byte) record.Outcome {
	switch {
	case status < 400:
		return record.Success
	case status < 500:
		return record.ClientError
	case status == 502, status == 503, status == 504:
		return record.InfraError
	}
	for _, m := range clientFaults() {
		if bytes.Contains(message, m) {
			return record.ClientError
		}
	}
	return record.ModelError
}
