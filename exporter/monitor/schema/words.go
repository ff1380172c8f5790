package schema

import "fmt"

// words says what is wrong with a subject.
func (m *Monitor) words(name string, kind Kind) string {
	switch kind {
	case Missing:
		return "has no value"
	case Unexpected:
		return "is an input that never was there"
	case Renamed:
		return "has another name"
	case DataType:
		return "has another datatype"
	case Shape:
		return "has another shape"
	case Retyped:
		return "is text where numbers were, or the reverse"
	case OutOfRange:
		for _, c := range m.columns {
			if c.name == name {
				return fmt.Sprintf("is outside of the reference's range [%.4g, %.4g]", c.low, c.high)
			}
		}
		return "is outside of the reference's range"
	case Unseen:
		return "has categories that the reference has not"
	case NaN:
		return "is not a number"
	case Constant:
		return "always has the same value"
	case Order:
		for _, c := range m.columns {
			if c.name == name && c.holds != "" {
				return fmt.Sprintf("holds the values of %s", c.holds)
			}
		}
		return "holds the values of another feature"
	}
	return string(kind)
}
