package offline

import (
	"fmt"
	"unicode/utf8"

	"github.com/gnomon-dev/gnomon/driftlib/profile"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// profiled is a column that is being profiled: its values while they are few,
// builders beyond. Texts are both their lengths and, while there are few enough
// to be categories, names: which of them they are is known in the end only.
type profiled struct {
	values  profile.Column // numbers and lengths; Missing is always there
	numeric bool
	codes   []uint32 // of the names, while values are held
	dict    []string
	index   map[string]uint32 // nil where the values are no names

	numbers, names *profile.Builder // nil while values are held; names nil where there are none
}

// mostNames is how many different texts may still be categories.
const mostNames = 10_000

func newProfiled(name string, numeric bool) *profiled {
	p := &profiled{values: profile.Column{Name: name, Kind: profile.Numeric}, numeric: numeric}
	if !numeric {
		p.index = map[string]uint32{}
	}
	return p
}

// absent adds a row without a value.
func (p *profiled) absent() error {
	if p.numbers == nil {
		p.values.Floats = append(p.values.Floats, 0)
		p.values.Missing = append(p.values.Missing, true)
		if p.index != nil {
			p.codes = append(p.codes, 0)
		}
		return nil
	}
	if p.names != nil {
		if err := p.names.Missing(0); err != nil {
			return err
		}
	}
	return p.numbers.Missing(0)
}

// add adds the rows of a chunk.
func (p *profiled) add(c *table.Column) error {
	if p.numeric {
		return p.addNumbers(c)
	}
	of := make([]float64, len(c.Dict))
	code := make([]uint32, len(c.Dict))
	for i, s := range c.Dict {
		of[i] = float64(utf8.RuneCountInString(s))
		code[i] = p.name(s)
	}
	for i, k := range c.Codes {
		var err error
		switch {
		case c.IsMissing(i):
			err = p.absent()
		case p.numbers != nil:
			err = p.stream(of[k], c.Dict[k])
		default:
			p.values.Floats = append(p.values.Floats, of[k])
			p.values.Missing = append(p.values.Missing, false)
			if p.index != nil {
				p.codes = append(p.codes, code[k])
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *profiled) addNumbers(c *table.Column) error {
	for i, v := range c.Floats {
		var err error
		switch {
		case c.IsMissing(i):
			err = p.absent()
		case p.numbers != nil:
			err = p.numbers.Number(0, v)
		default:
			p.values.Floats = append(p.values.Floats, v)
			p.values.Missing = append(p.values.Missing, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// name is the code of a name. Too many different ones are no names.
func (p *profiled) name(s string) uint32 {
	if p.index == nil {
		return 0
	}
	code, ok := p.index[s]
	if !ok {
		code = uint32(len(p.dict))
		p.index[s], p.dict = code, append(p.dict, s)
		if len(p.dict) > mostNames {
			p.index, p.dict, p.codes, p.names = nil, nil, nil, nil
		}
	}
	return code
}

// stream adds a text to the builders.
func (p *profiled) stream(length float64, text string) error {
	if p.names != nil {
		if err := p.names.Category(0, text); err != nil {
			return err
		}
	}
	return p.numbers.Number(0, length)
}

// spill moves the values that are held into builders.
func (p *profiled) spill(o profile.Options) (err error) {
	if p.numbers != nil {
		return nil
	}
	held := *p
	if p.numbers, err = profile.NewBuilder([]profile.Column{{Name: p.values.Name, Kind: profile.Numeric}}, o); err != nil {
		return err
	}
	if p.index != nil {
		if p.names, err = profile.NewBuilder([]profile.Column{{Name: p.values.Name, Kind: profile.Categorical}}, o); err != nil {
			return err
		}
	}
	p.values.Floats, p.values.Missing, p.codes = nil, nil, nil
	for i, v := range held.values.Floats {
		switch {
		case held.values.Missing[i]:
			err = p.absent()
		case held.index != nil:
			err = p.stream(v, held.dict[held.codes[i]])
		default:
			err = p.numbers.Number(0, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// feature is the column's profile.
func (p *profiled) feature(kind table.Kind, o profile.Options) (profile.Feature, error) {
	categories := kind == table.Categorical || kind == table.Boolean
	if categories && p.index == nil {
		return profile.Feature{}, fmt.Errorf("%w: more than %d different values; read the column as text", profile.ErrCategories, mostNames)
	}
	if p.numbers != nil {
		b := p.numbers
		if categories {
			b = p.names
		}
		one, err := b.Profile()
		if err != nil {
			return profile.Feature{}, err
		}
		return one.Features[0], nil
	}
	c := p.values
	if categories {
		c.Kind, c.Floats, c.Strings = profile.Categorical, nil, make([]string, len(p.codes))
		for i, k := range p.codes {
			if !c.Missing[i] {
				c.Strings[i] = p.dict[k]
			}
		}
	}
	one, err := profile.FromColumns([]profile.Column{c}, o)
	if err != nil {
		return profile.Feature{}, err
	}
	return one.Features[0], nil
}
