package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/gnomon-dev/gnomon/exporter/page"
)

//go:embed report.html
var document string

// Title says what is reported.
func (r *Report) Title() string {
	name := map[string]string{Weekly: "Model review", Cost: "Cost review"}[r.Kind]
	return fmt.Sprintf("%s, %s to %s", name, r.Start.UTC().Format("2006-01-02 15:04"), r.End.UTC().Format("2006-01-02 15:04 UTC"))
}

// WriteMarkdown writes the report as Markdown.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nModels: %s.\n", r.Title(), strings.Join(r.Models, ", "))
	line := func(cells []string) {
		for i, c := range cells {
			cells[i] = strings.NewReplacer("|", "\\|", "\n", " ").Replace(c)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	for _, s := range r.Sections {
		fmt.Fprintf(&b, "\n## %s\n\n", s.Title)
		line(append(append([]string{}, s.Labels...), s.Columns...))
		fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(s.Labels)+len(s.Columns)))
		for _, row := range s.Rows {
			line(append(append([]string{}, row.Labels...), row.Shown...))
		}
	}
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "\nNo data: %s.\n", strings.Join(r.Missing, "; "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteHTML writes the report as one file that needs nothing else.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("report").Parse(document)
	if err != nil {
		return err
	}
	style, err := page.Asset("app.css")
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Style template.CSS
		*Report
	}{template.CSS(style), r})
}
