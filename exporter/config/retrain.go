package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Retrain says when a model should be trained again.
type Retrain struct {
	Trained     string    `yaml:"trained"`      // when it was, such as 2026-05-01 or 2026-05-01T12:00:00Z
	MetadataKey string    `yaml:"metadata_key"` // of the .onnx file, with that time; the usual ones where empty
	MaxAge      *Duration `yaml:"max_age"`      // since then; 0: any
	Signals     []string  `yaml:"signals"`      // accuracy, drift, age
	Features    int       `yaml:"features"`     // with major drift, at least, for drift
}

// RetrainSignals are what may ask for a training.
func RetrainSignals() []string { return []string{"accuracy", "drift", "age"} }

func (r *Retrain) defaults() {
	if r.Features == 0 {
		r.Features = 1
	}
	if r.Signals == nil {
		r.Signals = RetrainSignals()
	}
	if r.MaxAge == nil {
		age := Duration(90 * 24 * time.Hour)
		r.MaxAge = &age
	}
}

// Has reports whether a signal counts.
func (r *Retrain) Has(signal string) bool { return slices.Contains(r.Signals, signal) }

func (r *Retrain) check(k *checker, at string) {
	if r.Trained != "" {
		_, err := ParseTime(r.Trained)
		k.that(err == nil, at+".trained", "write a time such as 2026-05-01 or 2026-05-01T12:00:00Z", "%v", err)
	}
	for i, s := range r.Signals {
		k.oneOf(fmt.Sprintf("%s.signals[%d]", at, i), s, RetrainSignals()...)
	}
	k.that(r.Features >= 1, at+".features", "write a number of at least 1", "is %d", r.Features)
}

// ParseTime reads the forms in which programs write when a model was trained:
// RFC 3339, the same without a zone (UTC), a date, seconds or milliseconds
// since 1970.
func ParseTime(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 {
			return t.UTC(), nil
		}
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		switch {
		case v > 1e8 && v < 1e11: // 1973 to 5138
			return time.UnixMilli(int64(v * 1e3)).UTC(), nil
		case v >= 1e11 && v < 1e14:
			return time.UnixMilli(int64(v)).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}
