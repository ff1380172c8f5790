package offline

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"github.com/gnomon-dev/gnomon/exporter/page"
)

//go:embed drift.html evaluate.html replay.html
var templates embed.FS

// WriteHTML writes the document as one file that needs nothing else: style,
// script and data are inside.
func (d *Drift) WriteHTML(w io.Writer) error { return render(w, "drift.html", d) }

// WriteHTML writes the document as one file that needs nothing else.
func (e *Evaluation) WriteHTML(w io.Writer) error { return render(w, "evaluate.html", e) }

// render fills a template with a document, the page's style and the script
// that draws it.
func render(w io.Writer, name string, document any) error {
	t, err := template.New(name).Funcs(template.FuncMap{
		"stat": func(f Feature, name, format string) string { return f.stat(name, format) },
		"tone": func(f Feature) string { return f.tone() },
		"share": func(n int64, row []int64) int64 {
			total := int64(0)
			for _, v := range row {
				total += v
			}
			return 70 * n / max(total, 1) // dark enough to see, light enough to read
		},
	}).ParseFS(templates, name)
	if err != nil {
		return fmt.Errorf("template: %w", err)
	}
	style, err := page.Asset("app.css")
	if err != nil {
		return err
	}
	script, err := page.Asset("report.js")
	if err != nil {
		return err
	}
	data, err := json.Marshal(document) // <, > and & are escaped: it cannot end the element
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Style    template.CSS
		Script   template.JS
		Data     template.JS
		Document any
	}{template.CSS(style), template.JS(script), template.JS(data), document})
}
