package proxy

import (
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/record"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		status  int
		message string
		want    record.Outcome
	}{
		{200, "", record.Success},
		{304, "", record.Success},
		{400, "", record.ClientError},
		{404, "", record.ClientError},
		{422, "", record.ClientError},
		{429, "", record.ClientError},
		{500, `{"error":"inference failed"}`, record.ModelError},
		{500, `{"error":"failed to parse the request JSON buffer: Invalid value. at 1"}`, record.ClientError},
		{501, "", record.ModelError},
		{502, "", record.InfraError},
		{503, "", record.InfraError},
		{504, "", record.InfraError},
	} {
		if got := Classify(c.status, []byte(c.message)); got != c.want {
			t.Errorf("Classify(%d, %q) = %v, want %v", c.status, c.message, got, c.want)
		}
	}
}
