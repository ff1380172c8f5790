package offline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// Profile makes a reference profile of a table. Integers and numbers are
// numeric, datetimes are seconds since 1970, texts are their lengths in
// characters, everything else are categories.
func Profile(data *table.File, o profile.Options) (*profile.Profile, error) {
	p := &profile.Profile{Version: profile.FormatVersion, Source: data.Name(), Rows: data.Rows()}
	for _, name := range data.Names() {
		c, err := data.Column(name)
		if err != nil {
			return nil, err
		}
		kind := c.Kind.String()
		if c.Kind == table.Integer {
			kind = "numeric"
		}
		one, err := profile.FromColumns([]profile.Column{column(c, kind)}, o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", data.Name(), err)
		}
		p.Features = append(p.Features, one.Features[0])
	}
	return p, p.Validate()
}

// Choose keeps only some features of a profile.
func Choose(p *profile.Profile, columns, exclude []string) error {
	for _, name := range append(slices.Clone(columns), exclude...) {
		if p.Feature(name) == nil {
			return fmt.Errorf("%w: the profile has no feature %q; it has %s", ErrInput, name, strings.Join(Known{Profile: p}.names(), ", "))
		}
	}
	p.Features = slices.DeleteFunc(p.Features, func(f profile.Feature) bool {
		return (columns != nil && !slices.Contains(columns, f.Name)) || slices.Contains(exclude, f.Name)
	})
	if len(p.Features) == 0 {
		return fmt.Errorf("%w: no feature of the profile is left", ErrInput)
	}
	return nil
}
