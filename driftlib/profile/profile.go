// Package profile holds the reference: what each feature looked like when all
// was well, as bins with counts, moments and a sample.
//
// A profile is a versioned JSON document. Its bins are the monitor bins: ten
// reference-quantile bins, refined where they are blind: a value that holds
// more than a tenth of the mass (a heavy atom) is a bin of its own, and the
// tails are cut at the reference's minimum, 1 %, 99 % and maximum. -Inf, +Inf,
// NaN and missing values are bins of their own and never dropped. PSI and KL
// are taken over the ten bins (Binner.Rollup), everything else over all bins.
package profile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// FormatVersion is the version of the JSON document.
const FormatVersion = 1

// Errors of profiles.
var (
	// ErrFormat: the document is no profile, or one that contradicts itself.
	ErrFormat = errors.New("not a valid profile")
	// ErrNoRows: there is nothing to profile.
	ErrNoRows = errors.New("no rows to profile")
)

// Kind says how a feature is binned.
type Kind string

// The kinds.
const (
	Numeric     Kind = "numeric"
	Categorical Kind = "categorical"
)

// Logical is what a feature's values are, where that is more than how they are
// binned.
type Logical string

// The logical kinds. Integers and datetimes (seconds since 1970) are numeric,
// booleans categorical; texts are their lengths in characters.
const (
	Integer  Logical = "integer"
	Boolean  Logical = "boolean"
	Datetime Logical = "datetime"
	Text     Logical = "text"
)

// kind is how a logical kind is binned; "" where there is no such kind.
func (l Logical) kind() Kind {
	switch l {
	case Integer, Datetime, Text:
		return Numeric
	case Boolean:
		return Categorical
	}
	return ""
}

// Profile is the reference of a set of features.
type Profile struct {
	Version     int       `json:"version"`
	Created     time.Time `json:"created,omitzero"`
	Source      string    `json:"source,omitempty"`
	Rows        int       `json:"rows"`
	Provisional bool      `json:"provisional,omitempty"` // learned from live traffic
	Features    []Feature `json:"features"`
}

// Feature is the reference of one feature.
type Feature struct {
	Name    string  `json:"name"`
	Kind    Kind    `json:"kind"`
	Logical Logical `json:"logical,omitempty"` // empty: numbers or categories
	Count   int     `json:"count"`             // rows, missing ones included
	Missing int     `json:"missing"`           // rows without a value
	Bins    []Bin   `json:"bins"`

	// Of the finite values of a numeric feature; absent where there are none.
	Moments *Moments `json:"moments,omitempty"`
	// Sample is finite values of a numeric feature, ascending: all of them or,
	// beyond Options.Sample, an even thinning of the sorted values.
	Sample []float64 `json:"sample,omitempty"`

	// DesignEffect is the mean of chi-square over degrees of freedom of the
	// reference's own contiguous windows against the rest: 1 for independent
	// rows. Tau is the integrated autocorrelation time of the values' ranks, at
	// least 1. Both are 1 where the reference is too short to tell.
	DesignEffect float64 `json:"design_effect"`
	Tau          float64 `json:"tau"`
	// TauBins is the mean design effect of the ten bins' counts, at least 1.
	TauBins float64 `json:"tau_bins"`
}

// Moments sums up the finite values.
type Moments struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // population
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// Bin is one bin of a feature: an interval of the real line, a category, or
// one of the special values.
type Bin struct {
	// Code is stable and sorts: 00 -Inf, 01.. intervals (01a, 01b where the
	// tails are cut), 90 +Inf, 91 NaN, 92 missing, 93 other; categories c01...
	Code  string `json:"code"`
	Count int    `json:"count"`
	// Upper is the bin's upper end, absent for the last interval and for what is
	// no interval. The bin holds its upper end, unless Open.
	Upper *float64 `json:"upper,omitempty"`
	Open  bool     `json:"open,omitempty"`
	// Category is the value of a category's bin.
	Category *string `json:"category,omitempty"`
}

// Codes of the special bins.
const (
	CodeNegInf  = "00"
	CodePosInf  = "90"
	CodeNaN     = "91"
	CodeMissing = "92"
	CodeOther   = "93"
)

// Feature finds a feature by name; nil where there is none.
func (p *Profile) Feature(name string) *Feature {
	i := slices.IndexFunc(p.Features, func(f Feature) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return &p.Features[i]
}

// Digest identifies the bins and the reference shares: twelve hexadecimal
// digits of SHA-256. Counters of one digest can be added up; two digests never.
func (p *Profile) Digest() string {
	h := sha256.New()
	for i := range p.Features {
		f := &p.Features[i]
		fmt.Fprintf(h, "%q %s %d\n", f.Name, f.Kind, f.Count)
		for _, b := range f.Bins {
			fmt.Fprintf(h, "%s %d", b.Code, b.Count)
			if b.Upper != nil {
				fmt.Fprintf(h, " %x %v", math.Float64bits(*b.Upper), b.Open)
			}
			if b.Category != nil {
				fmt.Fprintf(h, " %q", *b.Category)
			}
			fmt.Fprintln(h)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}

// Write writes the profile as indented JSON; Read gives back the same bits.
func (p *Profile) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(p)
}

// Read reads and checks a profile. Errors are ErrFormat and name the field.
func Read(r io.Reader) (*Profile, error) {
	var p Profile
	dec := json.NewDecoder(r)
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return &p, nil
}

// Validate reports the first contradiction in the profile.
func (p *Profile) Validate() error {
	switch {
	case p.Version != FormatVersion:
		return fmt.Errorf("%w: version is %d, this gnomon reads %d; write the profile anew with gnomon profile", ErrFormat, p.Version, FormatVersion)
	case p.Rows <= 0:
		return fmt.Errorf("%w: rows is %d", ErrFormat, p.Rows)
	case len(p.Features) == 0:
		return fmt.Errorf("%w: features is empty", ErrFormat)
	}
	seen := map[string]bool{}
	for i := range p.Features {
		f := &p.Features[i]
		if f.Name == "" || seen[f.Name] {
			return fmt.Errorf("%w: features[%d].name %q is empty or repeated", ErrFormat, i, f.Name)
		}
		seen[f.Name] = true
		if err := f.validate(); err != nil {
			return fmt.Errorf("%w: feature %q: %w", ErrFormat, f.Name, err)
		}
	}
	return nil
}

func (f *Feature) validate() error {
	if f.Kind != Numeric && f.Kind != Categorical {
		return fmt.Errorf("kind %q is neither numeric nor categorical", f.Kind)
	}
	if f.Logical != "" && f.Logical.kind() != f.Kind {
		return fmt.Errorf("logical %q does not go with kind %q; give integer, datetime or text with numeric, boolean with categorical, or leave it out", f.Logical, f.Kind)
	}
	sum := 0
	for i, b := range f.Bins {
		if b.Count < 0 || b.Count > f.Count-sum {
			return fmt.Errorf("bins[%d].count is %d of %d rows", i, b.Count, f.Count)
		}
		sum += b.Count
	}
	if sum != f.Count || f.Count <= 0 {
		return fmt.Errorf("the bins hold %d of %d rows", sum, f.Count)
	}
	if !slices.IsSorted(f.Sample) || slices.ContainsFunc(f.Sample, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
		return errors.New("sample is not ascending finite numbers")
	}
	if !(f.DesignEffect >= 0) || !(f.Tau >= 1) || !(f.TauBins >= 1) {
		return fmt.Errorf("design_effect %v, tau %v or tau_bins %v out of range", f.DesignEffect, f.Tau, f.TauBins)
	}
	_, err := NewBinner(f)
	return err
}
