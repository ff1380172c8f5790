package training

import (
	"context"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/config"
)

// Point is one value of one metric that the job wrote.
type Point struct {
	Metric string
	Step   int64
	Time   time.Time // zero where the job did not say
	Value  float64   // may be NaN or infinite: that is what is looked for
}

// Source hands over what is new. An error is of this read; the next one goes on
// from where it was.
type Source interface {
	Read(ctx context.Context) ([]Point, error)
}

// named is a source with its label.
type named struct {
	name string
	Source
}

// sources is the table of where a job's metrics may be.
func sources(c config.Training, o Options) []named {
	var out []named
	if c.Metrics != "" {
		out = append(out, named{"file", &metricsFile{path: c.Metrics}})
	}
	if c.TensorBoard != "" {
		out = append(out, named{"tensorboard", &eventFiles{dir: c.TensorBoard}})
	}
	if c.MLflow.URL != "" {
		out = append(out, named{"mlflow", &mlflowRun{url: c.MLflow.URL, run: c.MLflow.Run, client: o.Client}})
	}
	return out
}

// Sources lists the names of all sources, for pre-created series.
func Sources() []string { return []string{"file", "tensorboard", "mlflow"} }
