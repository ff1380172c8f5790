package sequential

import "hash/fnv"

// splitMix64 is the generator of the ranks' ties: small, seedable from any
// number, the same on every machine. Steele, Lea and Flood (2014).
type splitMix64 struct{ state uint64 }

// next is uniform on [0, 1), 53 bits.
func (g *splitMix64) next() float64 {
	g.state += 0x9e3779b97f4a7c15
	z := g.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) * 0x1p-53
}

// Seed is the seed of a feature's detector: FNV-1a of its name, so that a
// restart with the same data gives the same ranks.
func Seed(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum64()
}
