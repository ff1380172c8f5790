// Package sampler keeps a stable cohort of the traffic: whether a request is
// kept depends on its key and the salt alone, so that every replica keeps the
// same users, and the cohort at a lower rate is a subset of the cohort at a
// higher one.
package sampler

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
)

// ErrRate: a rate that is no share.
var ErrRate = errors.New("sampling rate must be between 0 and 1")

// Hash keeps a key where its hash, as a number in [0, 1), is below the rate.
// It implements pipeline.Sampler. Safe for concurrent use.
type Hash struct {
	salt uint64
	rate atomic.Uint64 // bits of a float64
}

// New returns a sampler that keeps the share rate of all keys: 0 none, 1
// all. Samplers with the same salt agree on every key.
func New(rate float64, salt string) (*Hash, error) {
	s := &Hash{salt: xxhash.Sum64String(salt)}
	if err := s.SetRate(rate); err != nil {
		return nil, err
	}
	return s, nil
}

// SetRate changes the share that is kept. Keys that both the old and the new
// rate keep stay in the cohort.
func (s *Hash) SetRate(rate float64) error {
	if !(rate >= 0 && rate <= 1) { // NaN too
		return fmt.Errorf("%w, not %v", ErrRate, rate)
	}
	s.rate.Store(math.Float64bits(rate))
	return nil
}

// Rate is the share that is kept now.
func (s *Hash) Rate() float64 { return math.Float64frombits(s.rate.Load()) }

// Keep reports whether the key is in the cohort.
func (s *Hash) Keep(key string) bool { return Position(key, s.salt) < s.Rate() }

// Position places a key in [0, 1), uniformly over keys.
//
// The comparison with the rate is made in float64 and not as a uint64
// threshold: uint64(1.0 * 2^64) does not fit, and on amd64 becomes 2^63, which
// would silently make half of "all".
func Position(key string, salt uint64) float64 {
	return float64(mix(xxhash.Sum64String(key)^salt)>>11) * 0x1p-53
}

// mix is the finaliser of splitmix64: it spreads the salt's difference over
// all bits, so that cohorts of two salts are independent.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
