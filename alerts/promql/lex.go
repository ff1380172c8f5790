package promql

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind int

// The kinds of tokens.
const (
	Identifier Kind = iota // a metric, label, function or keyword; colons allowed
	Number
	Duration
	String
	Operator // + - * / % ^ == != <= < >= > and the matchers =~ !~ =
	Punctuation
	End
)

// Token is a piece of an expression with its place.
type Token struct {
	Kind   Kind
	Text   string
	Offset int
}

// SyntaxError says what is wrong where in an expression.
type SyntaxError struct {
	Offset int // bytes from the start
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at offset %d: %s", e.Offset, e.Reason) }

func fault(offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{offset, fmt.Sprintf(format, args...)}
}

// Lex splits an expression into tokens; comments and space are left out. The
// last token is End.
func Lex(s string) ([]Token, error) {
	var out []Token
	for i := 0; ; {
		i = skip(s, i)
		if i >= len(s) {
			return append(out, Token{End, "", len(s)}), nil
		}
		t, err := next(s, i)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		i += len(t.Text)
	}
}

// skip returns the first place at or after i that is neither space nor comment.
func skip(s string, i int) int {
	for i < len(s) {
		switch {
		case strings.IndexByte(" \t\r\n", s[i]) >= 0:
			i++
		case s[i] == '#':
			if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
				i += n
			} else {
				i = len(s)
			}
		default:
			return i
		}
	}
	return i
}

func next(s string, i int) (Token, error) {
	c := s[i]
	switch {
	case letter(c) || c == ':' && i+1 < len(s) && letter(s[i+1]):
		j := i + 1
		for j < len(s) && (letter(s[j]) || digit(s[j]) || s[j] == ':') {
			j++
		}
		return Token{Identifier, s[i:j], i}, nil
	case digit(c) || c == '.' && i+1 < len(s) && digit(s[i+1]):
		return number(s, i)
	case c == '"' || c == '\'' || c == '`':
		return quoted(s, i)
	case strings.IndexByte("(){}[],@:", c) >= 0:
		return Token{Punctuation, s[i : i+1], i}, nil
	}
	for _, op := range []string{"==", "!=", "<=", ">=", "=~", "!~", "+", "-", "*", "/", "%", "^", "<", ">", "="} {
		if strings.HasPrefix(s[i:], op) {
			return Token{Operator, op, i}, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s[i:])
	return Token{}, fault(i, "unexpected character %q", r)
}

// number reads a number (1, 1.5, .5, 1e-4, 0x1f) or a duration (5m, 1h30m).
func number(s string, i int) (Token, error) {
	j := i
	if strings.HasPrefix(s[i:], "0x") || strings.HasPrefix(s[i:], "0X") {
		for j = i + 2; j < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[j]) >= 0; j++ {
		}
		if j == i+2 {
			return Token{}, fault(i, "bad number %q", s[i:j])
		}
		return Token{Number, s[i:j], i}, nil
	}
	for j < len(s) && (digit(s[j]) || s[j] == '.') {
		j++
	}
	if j < len(s) && (s[j] == 'e' || s[j] == 'E') {
		k := j + 1
		if k < len(s) && (s[k] == '+' || s[k] == '-') {
			k++
		}
		if k < len(s) && digit(s[k]) {
			for k < len(s) && digit(s[k]) {
				k++
			}
			j = k
		}
	}
	kind := Number
	for j < len(s) && (letter(s[j]) || digit(s[j])) {
		kind = Duration
		j++
	}
	text := s[i:j]
	if kind == Duration && !isDuration(text) || strings.Count(text, ".") > 1 || kind == Number && strings.HasSuffix(text, "..") {
		return Token{}, fault(i, "bad number or duration %q", text)
	}
	return Token{kind, text, i}, nil
}

// isDuration: units from large to small, each at most once, as Prometheus has it.
func isDuration(s string) bool {
	units := []string{"y", "w", "d", "h", "m", "s", "ms"}
	at := -1
	for s != "" {
		n := 0
		for n < len(s) && digit(s[n]) {
			n++
		}
		if n == 0 {
			return false
		}
		s = s[n:]
		m := 0
		for m < len(s) && letter(s[m]) {
			m++
		}
		found := -1
		for k, u := range units {
			if s[:m] == u {
				found = k
			}
		}
		if found <= at {
			return false
		}
		at, s = found, s[m:]
	}
	return true
}

func quoted(s string, i int) (Token, error) {
	q := s[i]
	for j := i + 1; j < len(s); j++ {
		switch {
		case s[j] == q:
			return Token{String, s[i : j+1], i}, nil
		case s[j] == '\\' && q != '`':
			j++
		case s[j] == '\n' && q != '`':
			return Token{}, fault(i, "string is not closed on its line")
		}
	}
	return Token{}, fault(i, "string is not closed")
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
