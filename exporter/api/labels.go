package api

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/label"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

const (
	maxLabelBody = 32 << 20 // bytes, unzipped
	maxRejected  = 100      // faults told in one answer
	labelBatch   = 1000     // labels that are written to the disk together
)

// rejected is one label that was not taken.
type rejected struct {
	Line  int    `json:"line"`
	Error string `json:"error"`
}

// labels takes one label as a JSON object, several as a JSON array or as JSON
// Lines, or CSV with the header id,label[,time,model]; also gzipped. Good lines
// count although others are bad.
func (a *api) labels(w http.ResponseWriter, r *http.Request) {
	var body io.Reader = http.MaxBytesReader(w, r.Body, maxLabelBody)
	if r.Header.Get("Content-Encoding") == "gzip" {
		zr, err := gzip.NewReader(body)
		if err != nil {
			a.fail(w, http.StatusBadRequest, fmt.Errorf("body: not gzip, although Content-Encoding says so: %w", err))
			return
		}
		body = io.LimitReader(zr, maxLabelBody)
	}
	answer := struct {
		Accepted int        `json:"accepted"`
		Rejected []rejected `json:"rejected"`
		Bad      int        `json:"rejected_total"`
	}{Rejected: []rejected{}}
	refused := func(line int, err error) {
		if answer.Bad++; len(answer.Rejected) < maxRejected {
			answer.Rejected = append(answer.Rejected, rejected{line, err.Error()})
		}
	}
	var batch []record.Label
	var lines []int
	down := 0
	flush := func() {
		for i, err := range a.s.Labels.Accept(batch) {
			if err != nil {
				down++
				refused(lines[i], err)
				continue
			}
			answer.Accepted++
		}
		batch, lines = batch[:0], lines[:0]
	}
	take := func(line int, l record.Label, err error) {
		if err != nil {
			refused(line, err)
			return
		}
		if batch, lines = append(batch, l), append(lines, line); len(batch) == labelBatch {
			flush()
		}
	}
	format := label.Auto
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/csv") {
		format = label.CSV
	}
	err := label.Read(body, format, take)
	flush()
	a.s.Labels.Rejected(answer.Bad - down)
	if err != nil {
		err = fmt.Errorf("body: %w", err)
	}
	switch {
	case down > 0: // the store cannot write: every one of them is to be sent again
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
	case err != nil && answer.Accepted == 0:
		a.fail(w, http.StatusBadRequest, err)
		return
	case answer.Accepted == 0 && answer.Bad > 0:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
	}
	a.write(w, r, answer)
}
