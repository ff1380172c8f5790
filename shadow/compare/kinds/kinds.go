// Package kinds is the table of what answers can be: a new kind is a folder
// beside this one and a row here.
package kinds

import (
	"fmt"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow/compare"
	"github.com/gnomon-dev/gnomon/shadow/compare/classification"
	"github.com/gnomon-dev/gnomon/shadow/compare/detection"
	"github.com/gnomon-dev/gnomon/shadow/compare/embedding"
	"github.com/gnomon-dev/gnomon/shadow/compare/multilabel"
	"github.com/gnomon-dev/gnomon/shadow/compare/raw"
	"github.com/gnomon-dev/gnomon/shadow/compare/regression"
	"github.com/gnomon-dev/gnomon/shadow/compare/sequence"
)

// Row is one kind.
type Row struct {
	Name string
	New  func(compare.Options) compare.Kind
}

// Table lists every kind; the first is the default.
func Table() []Row {
	return []Row{
		{"classification", classification.New},
		{"regression", regression.New},
		{"multilabel", multilabel.New},
		{"embedding", embedding.New},
		{"detection", detection.New},
		{"sequence", sequence.New},
		{"raw", raw.New},
	}
}

// Names lists the kinds' names.
func Names() []string {
	var out []string
	for _, r := range Table() {
		out = append(out, r.Name)
	}
	return out
}

// New returns the kind that the options name; the first where they name none.
func New(o compare.Options) (compare.Kind, error) {
	for _, r := range Table() {
		if o.Kind == r.Name || o.Kind == "" {
			return r.New(o), nil
		}
	}
	return nil, fmt.Errorf("%w: kind %q is not one of %s", compare.ErrOutput, o.Kind, strings.Join(Names(), ", "))
}
