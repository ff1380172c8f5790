package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds what is read.
const maxFile = 4 << 20

// Load reads and parses a file.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the SLO file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the SLO file: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read the SLO file: %s is larger than %d bytes; split it", path, maxFile)
	}
	return Parse(path, data)
}

// Parse reads an SLO file of any of the three formats; name is for messages.
// The error is Faults where the content is at fault.
func Parse(name string, data []byte) (*File, error) {
	docs, err := documents(data)
	if err != nil {
		return nil, Faults{{name, lineOf(err), "document", strings.TrimPrefix(err.Error(), "yaml: "), "make it valid YAML"}}
	}
	if len(docs) == 0 {
		return nil, Faults{{name, 1, "document", "the file is empty", "write at least apiVersion: gnomon/v1 and slos:"}}
	}
	f := &File{}
	var faults Faults
	switch version, kind := scalar(docs[0], "apiVersion"), scalar(docs[0], "version"); {
	case version == "gnomon/v1" || version == "" && kind == "":
		c := &checker{file: name, root: docs[0]}
		c.decode(f)
		if len(docs) > 1 {
			c.faults = append(c.faults, Fault{name, docs[1].Line, "document", "a second document", "put all SLOs into one document"})
		}
		c.lines(f)
		if len(c.faults) == 0 {
			f.complete()
			c.validate(f)
		}
		faults = c.faults
	case strings.HasPrefix(version, "openslo/"):
		faults = readOpenSLO(name, docs, f)
	case kind != "":
		faults = readSloth(name, docs, f)
	default:
		faults = Faults{{name, docs[0].Line, "apiVersion", fmt.Sprintf("%q is not known", version), "write gnomon/v1 or openslo/v1; Sloth's files begin with version: prometheus/v1"}}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return f, nil
}

func documents(data []byte) ([]*yaml.Node, error) {
	var out []*yaml.Node
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var n yaml.Node
		if err := d.Decode(&n); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
			out = append(out, n.Content[0])
		}
	}
}

func lineOf(err error) int {
	var line int
	if i := strings.Index(err.Error(), "line "); i >= 0 {
		_, _ = fmt.Sscanf(err.Error()[i:], "line %d", &line)
	}
	return max(line, 1)
}

func scalar(n *yaml.Node, name string) string {
	if c := child(n, name); c != nil && c.Kind == yaml.ScalarNode {
		return c.Value
	}
	return ""
}

func (c *checker) lines(f *File) {
	for i := range f.SLOs {
		f.SLOs[i].line = c.at(fmt.Sprintf("slos[%d]", i))
	}
}

// complete fills in defaults.
func (f *File) complete() {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&f.APIVersion, "gnomon/v1")
	set(&f.Job, "gnomon.*")
	set(&f.Team, "ml")
	set(&f.Runbooks, "https://github.com/gnomon-dev/gnomon/blob/main/alerts/runbooks/")
	set(&f.Dashboards, "http://localhost:3000/d/gnomon-oncall")
	if f.Interval == 0 {
		f.Interval = Duration(30 * time.Second)
	}
	if f.Compress == 0 {
		f.Compress = 1
	}
	f.Thresholds.complete()
	for i := range f.SLOs {
		s := &f.SLOs[i]
		set(&s.Team, f.Team)
		set(&s.Period, "30d")
		set(&s.Impossible, "rescale")
		if k, ok := Kinds()[s.Kind]; ok {
			set(&s.Threshold, k.Threshold)
		}
		page, ticket := Camel(s.Name)+"BudgetBurn", Camel(s.Name)+"SlowBurn"
		set(&s.Alerts.Page, page)
		set(&s.Alerts.Ticket, ticket)
		if s.MinFailures == nil {
			ten := 10.0
			s.MinFailures = &ten
		}
	}
}

// Camel turns feature-drift into FeatureDrift.
func Camel(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		switch {
		case r == '-' || r == '_' || r == ' ' || r == '.':
			up = true
		case up && r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
			up = false
		default:
			b.WriteRune(r)
			up = false
		}
	}
	return b.String()
}

// Default is the file that gnomon rules generate works from where none is
// given: the SLOs of a classifier with late labels.
func Default() *File {
	f, err := Parse("default.yaml", []byte(DefaultText()))
	if err != nil {
		panic(err) // the text is a constant, held by a test
	}
	return f
}
