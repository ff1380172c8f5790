package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostWorst bounds one answer.
const mostWorst = 1000

func reasons() []string { return []string{"", "wrong", "disagreement", "low_confidence", "outlier"} }

// worst lists the records that are kept as the worst.
func (a *api) worst(w http.ResponseWriter, r *http.Request) {
	m, ok := a.find(w, r)
	if !ok {
		return
	}
	q := r.URL.Query()
	reason, limit := q.Get("reason"), mostWorst
	if !slices.Contains(reasons(), reason) {
		a.fail(w, http.StatusBadRequest, fmt.Errorf("reason: %q is not known; fix: leave it out, or write one of: %s", reason, strings.Join(reasons()[1:], ", ")))
		return
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostWorst {
			a.fail(w, http.StatusBadRequest, fmt.Errorf("limit: %q; fix: write a number from 1 to %d", text, mostWorst))
			return
		}
		limit = n
	}
	a.write(w, r, map[string]any{"records": a.s.Worst.Worst(m.Name, q.Get("version"), reason, limit)})
}

// explain says what the answer to one of them rests on.
func (a *api) explain(w http.ResponseWriter, r *http.Request) {
	m, ok := a.find(w, r)
	if !ok {
		return
	}
	id := r.URL.Query().Get("id")
	if id == "" {
		a.fail(w, http.StatusBadRequest, fmt.Errorf("id: is missing; fix: take one from /api/v1/models/%s/worst", m.Name))
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	e, err := a.s.Worst.Explain(ctx, m.Name, r.URL.Query().Get("version"), id)
	if err != nil {
		a.fail(w, http.StatusNotFound, fmt.Errorf("explain %q: %w", id, err))
		return
	}
	a.write(w, r, e)
}
