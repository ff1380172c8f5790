// Package mutate measures generated tests: it changes one thing in a generated
// rule, a factor, a window, a comparison, a label, and runs the tests that look
// at that rule. A change that no test notices is a survivor.
//
// Mutants are made from the tokens of PromQL, so that each is one small change
// that a person could make by mistake. What cannot matter is left out: floors
// of 1e-9 and less that only keep a logarithm or a quotient finite, and the
// step of a subquery whose average does not depend on it.
package mutate
