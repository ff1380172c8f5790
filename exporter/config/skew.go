package config

import (
	"fmt"
	"math"
)

// Skew holds the inputs that are served against the rows that were logged for
// training, entity by entity.
type Skew struct {
	File      string             `yaml:"file"`      // .csv, .csv.gz, .tsv, .jsonl, .parquet
	Key       string             `yaml:"key"`       // column with the entity's id
	Header    string             `yaml:"header"`    // of the request, with the entity's id; the record's id where empty
	Tolerance map[string]float64 `yaml:"tolerance"` // relative difference that is none, by feature; * is all others
}

// DefaultSkewTolerance is what a number loses on its way as a 32-bit float.
const DefaultSkewTolerance = 1e-6

func (s *Skew) check(k *checker, at string) {
	if s.File == "" {
		k.that(s.Key == "" && s.Header == "" && len(s.Tolerance) == 0, at+".file", "name the file with the rows of training or of the feature store", "is missing")
		return
	}
	k.file(at+".file", s.File)
	k.that(s.Key != "", at+".key", "name the column with the entity's id", "is missing")
	for name, v := range s.Tolerance {
		k.that(v >= 0 && v < 1 && !math.IsNaN(v), fmt.Sprintf("%s.tolerance.%s", at, name), "write a relative difference from 0 to less than 1, such as 0.001", "is %v", v)
	}
}
