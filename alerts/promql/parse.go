package promql

import (
	"slices"
	"strings"
)

// Check says whether an expression is PromQL; the error is a *SyntaxError.
func Check(expr string) error {
	_, err := Metrics(expr)
	return err
}

// Metrics returns the names of the metrics that an expression reads, sorted.
func Metrics(expr string) ([]string, error) {
	tokens, err := Lex(expr)
	if err != nil {
		return nil, err
	}
	p := &parser{tokens: tokens}
	if err := p.expression(0); err != nil {
		return nil, err
	}
	if t := p.peek(); t.Kind != End {
		return nil, fault(t.Offset, "unexpected %q after the expression", t.Text)
	}
	slices.Sort(p.metrics)
	return slices.Compact(p.metrics), nil
}

// maxDepth bounds recursion on hostile input.
const maxDepth = 200

type parser struct {
	tokens  []Token
	at      int
	metrics []string
}

func (p *parser) peek() Token { return p.tokens[p.at] }

func (p *parser) take() Token {
	t := p.tokens[p.at]
	if t.Kind != End {
		p.at++
	}
	return t
}

func (p *parser) is(text string) bool {
	t := p.peek()
	return t.Text == text && t.Kind != String && t.Kind != End
}

func (p *parser) accept(text string) bool {
	if p.is(text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.accept(text) {
		return fault(p.peek().Offset, "want %q, found %s", text, describe(p.peek()))
	}
	return nil
}

func describe(t Token) string {
	if t.Kind == End {
		return "the end"
	}
	return "\"" + t.Text + "\""
}

// binary lists the operators between two operands. Precedence does not matter
// for validity.
func binary() []string {
	return []string{"+", "-", "*", "/", "%", "^", "==", "!=", "<=", "<", ">=", ">", "and", "or", "unless", "atan2"}
}

func (p *parser) expression(depth int) error {
	if depth > maxDepth {
		return fault(p.peek().Offset, "nested deeper than %d", maxDepth)
	}
	for {
		for p.accept("-") || p.accept("+") {
		}
		if err := p.operand(depth); err != nil {
			return err
		}
		t := p.peek()
		if t.Kind == String || !slices.Contains(binary(), strings.ToLower(t.Text)) {
			return nil
		}
		p.take()
		if err := p.modifiers(strings.ToLower(t.Text)); err != nil {
			return err
		}
	}
}

// modifiers reads bool, on, ignoring, group_left, group_right after an operator.
func (p *parser) modifiers(op string) error {
	if p.is("bool") {
		if !slices.Contains([]string{"==", "!=", "<=", "<", ">=", ">"}, op) {
			return fault(p.peek().Offset, "bool goes with a comparison, not with %q", op)
		}
		p.take()
	}
	if p.is("on") || p.is("ignoring") {
		p.take()
		if err := p.names(); err != nil {
			return err
		}
		if p.is("group_left") || p.is("group_right") {
			if op == "and" || op == "or" || op == "unless" {
				return fault(p.peek().Offset, "no grouping with the set operator %q", op)
			}
			p.take()
			if p.is("(") {
				return p.names()
			}
		}
	}
	return nil
}

// names reads a parenthesised list of labels.
func (p *parser) names() error {
	if err := p.expect("("); err != nil {
		return err
	}
	for !p.accept(")") {
		if t := p.take(); t.Kind != Identifier || strings.Contains(t.Text, ":") {
			return fault(t.Offset, "want a label name, found %s", describe(t))
		}
		if !p.is(")") {
			if err := p.expect(","); err != nil {
				return err
			}
		}
	}
	return nil
}

// operand reads one operand with its range, subquery, offset and @.
func (p *parser) operand(depth int) error {
	t := p.peek()
	selector, scalar := false, false
	switch {
	case t.Kind == Number || t.Kind == Duration:
		p.take()
		scalar = true
	case t.Kind == String:
		p.take()
		return nil
	case p.is("("):
		p.take()
		if err := p.expression(depth + 1); err != nil {
			return err
		}
		if err := p.expect(")"); err != nil {
			return err
		}
	case p.is("{"):
		selector = true
		if err := p.matchers(true); err != nil {
			return err
		}
	case t.Kind == Identifier:
		var err error
		if selector, scalar, err = p.named(depth); err != nil {
			return err
		}
	default:
		return fault(t.Offset, "want an operand, found %s", describe(t))
	}
	return p.suffixes(selector, scalar)
}

// named reads what begins with a name: an aggregation, a call, Inf and NaN, or
// a metric.
func (p *parser) named(depth int) (selector, scalar bool, err error) {
	t := p.take()
	name := strings.ToLower(t.Text)
	switch {
	case name == "inf" || name == "nan":
		return false, true, nil
	case slices.Contains(keywords(), name):
		return false, false, fault(t.Offset, "unexpected keyword %q", t.Text)
	}
	if n, ok := aggregations()[name]; ok && (p.is("(") || p.is("by") || p.is("without")) {
		return false, false, p.aggregation(t, n, depth)
	}
	if p.is("(") {
		f, ok := functions()[t.Text]
		if !ok {
			return false, false, fault(t.Offset, "unknown function %q", t.Text)
		}
		n, err := p.arguments(depth)
		if err == nil && (n < f.least || n > f.most) {
			err = fault(t.Offset, "%s takes %s, given %d", t.Text, f, n)
		}
		return false, false, err
	}
	p.metrics = append(p.metrics, t.Text)
	if p.is("{") {
		return true, false, p.matchers(false)
	}
	return true, false, nil
}

func keywords() []string {
	return []string{"and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right", "bool", "offset", "atan2"}
}

func (p *parser) aggregation(t Token, want int, depth int) error {
	grouped := false
	if p.accept("by") || p.accept("without") {
		grouped = true
		if err := p.names(); err != nil {
			return err
		}
	}
	n, err := p.arguments(depth)
	if err != nil {
		return err
	}
	if n != want {
		return fault(t.Offset, "%s takes %d arguments, given %d", t.Text, want, n)
	}
	if !grouped && (p.accept("by") || p.accept("without")) {
		return p.names()
	}
	return nil
}

// arguments reads a call's arguments and counts them.
func (p *parser) arguments(depth int) (int, error) {
	if err := p.expect("("); err != nil {
		return 0, err
	}
	for n := 0; ; {
		if p.accept(")") {
			return n, nil
		}
		if err := p.expression(depth + 1); err != nil {
			return 0, err
		}
		n++
		if !p.is(")") {
			if err := p.expect(","); err != nil {
				return 0, err
			}
			if p.is(")") {
				return 0, fault(p.peek().Offset, "want an argument after the comma")
			}
		}
	}
}

func (p *parser) matchers(alone bool) error {
	open := p.take()
	found := false
	for !p.accept("}") {
		name := p.take()
		if name.Kind == String { // {"metric.name"}
			found = true
			p.metrics = append(p.metrics, strings.Trim(name.Text, "\"'`"))
		} else {
			if name.Kind != Identifier || strings.Contains(name.Text, ":") {
				return fault(name.Offset, "want a label name, found %s", describe(name))
			}
			op := p.take()
			if op.Kind != Operator || !slices.Contains([]string{"=", "!=", "=~", "!~"}, op.Text) {
				return fault(op.Offset, "want =, !=, =~ or !~, found %s", describe(op))
			}
			v := p.take()
			if v.Kind != String {
				return fault(v.Offset, "want a quoted value, found %s", describe(v))
			}
			found = found || op.Text[0] == '=' && len(v.Text) > 2
			if name.Text == "__name__" && op.Text == "=" {
				p.metrics = append(p.metrics, strings.Trim(v.Text, "\"'`"))
			}
		}
		if !p.is("}") {
			if err := p.expect(","); err != nil {
				return err
			}
		}
	}
	if alone && !found {
		return fault(open.Offset, "a selector needs a name or a matcher that is not empty")
	}
	return nil
}

// suffixes reads [range], [range:step], offset and @.
func (p *parser) suffixes(selector, scalar bool) error {
	for {
		t := p.peek()
		switch {
		case scalar && (p.is("[") || p.is("offset") || p.is("@")):
			return fault(t.Offset, "%q does not go with a number", t.Text)
		case p.accept("["):
			if err := p.window(selector); err != nil {
				return err
			}
			selector = false
		case p.accept("offset"):
			p.accept("-")
			if d := p.take(); d.Kind != Duration {
				return fault(d.Offset, "want a duration after offset, found %s", describe(d))
			}
		case p.accept("@"):
			if err := p.instant(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

func (p *parser) window(selector bool) error {
	if d := p.take(); d.Kind != Duration {
		return fault(d.Offset, "want a duration in [], found %s", describe(d))
	}
	if p.accept(":") {
		if p.peek().Kind == Duration {
			p.take()
		}
	} else if !selector {
		return fault(p.peek().Offset, "a range needs a metric before it; over an expression it is a subquery: [5m:1m]")
	}
	return p.expect("]")
}

func (p *parser) instant() error {
	t := p.take()
	if t.Kind == Number {
		return nil
	}
	if t.Text == "start" || t.Text == "end" {
		if err := p.expect("("); err != nil {
			return err
		}
		return p.expect(")")
	}
	return fault(t.Offset, "want a time, start() or end() after @, found %s", describe(t))
}
