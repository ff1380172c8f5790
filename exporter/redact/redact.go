// Package redact keeps personal data out of what gnomon writes and shows.
//
// Rules say what becomes of a field's value: kept, dropped, hashed, masked or
// put into a bucket. Patterns find e-mail addresses, card and phone numbers in
// any text, whatever field it is in, and replace them by their kind.
package redact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrRule: a rule that cannot be followed.
var ErrRule = errors.New("redaction rule")

// Action is what becomes of a value.
type Action string

// The actions.
const (
	Keep   Action = "keep"   // as it is, but for the patterns
	Drop   Action = "drop"   // nothing is left
	Hash   Action = "hash"   // keyed HMAC-SHA256, 32 hexadecimal digits: equal values stay equal
	Mask   Action = "mask"   // asterisks but for the last Last characters
	Bucket Action = "bucket" // the lower end of the bucket of Width that the number is in
)

// Actions lists every action.
func Actions() []Action { return []Action{Keep, Drop, Hash, Mask, Bucket} }

// Rule is what becomes of one field. The field "*" is every feature that has
// no rule of its own.
type Rule struct {
	Field  string
	Action Action
	Last   int     // characters that Mask leaves
	Width  float64 // of Bucket
}

// Pattern is a form of personal data, replaced by "[Name]".
type Pattern struct {
	Name   string
	Regexp *regexp.Regexp
	Valid  func(match string) bool // nil: every match is one
}

// Patterns are the built-in ones: e-mail addresses, card numbers (13 to 19
// digits that pass Luhn's check), phone numbers in their usual written forms.
func Patterns() []Pattern {
	return []Pattern{
		{"email", regexp.MustCompile(`[\pL\pN._%+\-]+@[\pL\pN\-]+(?:\.[\pL\pN\-]+)*\.\pL{2,}`), nil},
		{"card", regexp.MustCompile(`\d(?:[ \-]?\d){12,18}`), luhn},
		{"phone", regexp.MustCompile(`(?:\+|\b00)\d[\d ().\-/]{6,16}\d|\(\d{2,5}\)[ \-/]?\d[\d \-/]{4,12}\d|\b\d{3}[ .\-]\d{3}[ .\-]\d{4}\b|\b0\d{2,4}[ /\-]\d[\d \-]{4,9}\d\b`), nil},
	}
}

// luhn is the check digit rule of card numbers.
func luhn(s string) bool {
	sum, odd := 0, false
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] < '0' || s[i] > '9' {
			continue
		}
		d := int(s[i] - '0')
		if odd {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		odd = !odd
	}
	return sum%10 == 0
}

// Redactor follows rules. Immutable, safe for concurrent use.
type Redactor struct {
	rules    map[string]Rule
	all      *Rule
	key      []byte
	patterns []Pattern
	own      int // patterns beside the built-in ones
}

// New returns a Redactor. key is the HMAC's and must have 16 bytes at least
// where a rule hashes; own patterns come before the built-in ones.
func New(rules []Rule, key []byte, own []Pattern) (*Redactor, error) {
	r := &Redactor{rules: map[string]Rule{}, key: key, patterns: append(own[:len(own):len(own)], Patterns()...), own: len(own)}
	for _, rule := range rules {
		switch {
		case rule.Action == Hash && len(key) < 16:
			return nil, fmt.Errorf("%w: %q is hashed, and the key has %d bytes, fewer than 16", ErrRule, rule.Field, len(key))
		case rule.Action == Bucket && !(rule.Width > 0 && rule.Width < math.Inf(1)):
			return nil, fmt.Errorf("%w: %q needs a width above 0", ErrRule, rule.Field)
		}
		if rule.Field == "*" {
			all := rule
			r.all = &all
			continue
		}
		r.rules[rule.Field] = rule
	}
	return r, nil
}

// Rule is the rule of a field by its name alone; ok is false where there is
// none.
func (r *Redactor) Rule(field string) (rule Rule, ok bool) {
	rule, ok = r.rules[field]
	return rule, ok
}

// Feature is the rule of a feature: its own, or that of "*".
func (r *Redactor) Feature(name string) (rule Rule, ok bool) {
	if rule, ok = r.rules[name]; !ok && r.all != nil {
		return *r.all, true
	}
	return rule, ok
}

// Text replaces what the patterns find, and bytes that are no UTF-8.
func (r *Redactor) Text(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "�")
	}
	if r.own == 0 && !suspicious(s) {
		return s // nearly always
	}
	for _, p := range r.patterns {
		s = p.Regexp.ReplaceAllStringFunc(s, func(match string) string {
			if p.Valid != nil && !p.Valid(match) {
				return match
			}
			return "[" + p.Name + "]"
		})
	}
	return s
}

// suspicious is whether a built-in pattern can match at all.
func suspicious(s string) bool {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '@':
			return true
		case c >= '0' && c <= '9':
			digits++
		}
	}
	return digits >= 7
}

// String is a text by a rule; ok is false where nothing is left of it.
func (r *Redactor) String(rule Rule, s string) (out string, ok bool) {
	switch rule.Action {
	case Keep:
		return r.Text(s), true
	case Hash:
		return r.Hash(s), true
	case Mask:
		return mask(r.Text(s), rule.Last), true
	}
	return "", false // dropped; a text has no bucket
}

// Number is a number by a rule: a float64, a string where it was hashed or
// masked, or nil.
func (r *Redactor) Number(rule Rule, v float64) any {
	switch rule.Action {
	case Keep:
		return v
	case Bucket:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return v
		}
		return math.Floor(v/rule.Width) * rule.Width
	case Hash, Mask:
		s, _ := r.String(rule, strconv.FormatFloat(v, 'g', -1, 64))
		return s
	}
	return nil
}

// Hash is the keyed HMAC of a text.
func (r *Redactor) Hash(s string) string {
	h := hmac.New(sha256.New, r.key)
	h.Write([]byte(s))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ID is a record's id by its rule, if there is one. An id that holds personal
// data is hashed as a whole, so that ids stay apart and a deletion by the
// original id still finds it. The number of a batch's row stays: "id#3".
func (r *Redactor) ID(id string) string {
	if i := strings.LastIndexByte(id, '#'); i > 0 {
		if _, err := strconv.ParseUint(id[i+1:], 10, 32); err == nil {
			return r.ID(id[:i]) + id[i:]
		}
	}
	if rule, ok := r.rules["id"]; ok && rule.Action != Keep {
		s, _ := r.String(rule, id)
		return s
	}
	if r.Text(id) != id {
		return r.Hash(id)
	}
	return id
}

// Shown is a feature's text as metrics, the API and the page may show it: by
// the feature's rule where that redacts, by the patterns always.
func (r *Redactor) Shown(feature, text string) string {
	rule, ok := r.Feature(feature)
	if !ok || rule.Action == Keep {
		return r.Text(text)
	}
	if s, ok := r.String(rule, text); ok {
		return s
	}
	return "[redacted]"
}

// Allowed is Shown for what only listed fields may show: single values of
// single records. false where the feature has no rule, or is dropped.
func (r *Redactor) Allowed(feature, value string) (string, bool) {
	rule, ok := r.Feature(feature)
	if !ok || rule.Action == Drop {
		return "", false
	}
	return r.Shown(feature, value), true
}

func mask(s string, last int) string {
	runes := []rune(s)
	n := max(0, len(runes)-max(0, last))
	return strings.Repeat("*", n) + string(runes[n:])
}
