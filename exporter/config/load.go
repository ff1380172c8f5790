package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error is one fault of a configuration file.
type Error struct {
	File  string
	Line  int // 0 where unknown (flags)
	Field string
	What  string // what is wrong
	Fix   string // what to write instead
}

// Error is "gnomon.yaml:12: models[0].reference.file: ...; fix: ...".
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		fmt.Fprintf(&b, "%s:", e.File)
		if e.Line > 0 {
			fmt.Fprintf(&b, "%d:", e.Line)
		}
		b.WriteByte(' ')
	}
	if e.Field != "" {
		fmt.Fprintf(&b, "%s: ", e.Field)
	}
	b.WriteString(e.What)
	if e.Fix != "" {
		fmt.Fprintf(&b, "; fix: %s", e.Fix)
	}
	return b.String()
}

// Load reads and checks a file. Paths in it are relative to it. Every fault is
// reported, joined; each is an *Error.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse is Load on bytes; name is the file's name in errors and the folder
// that relative paths start from.
func Parse(name string, data []byte) (*Config, error) {
	cfg := Default()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) {
		return nil, decodeErrors(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &Error{File: name, What: "a second YAML document", Fix: "keep one document in the file"}
	}
	for i := range cfg.Models {
		modelDefaults(&cfg.Models[i])
	}
	for i := range cfg.Training {
		TrainingDefaults(&cfg.Training[i])
	}
	cfg.resolve(filepath.Dir(name))
	if err := cfg.Cost.readPrices(); err != nil {
		return nil, inFile(name, data, err)
	}
	faults := cfg.faults()
	if len(faults) == 0 {
		return &cfg, nil
	}
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = inFile(name, data, f)
	}
	return nil, errors.Join(errs...)
}

// inFile adds the file's name and the field's line to a fault that has none.
func inFile(name string, data []byte, err error) error {
	var f *Error
	if !errors.As(err, &f) || f.File != "" {
		return err
	}
	var root yaml.Node
	_ = yaml.Unmarshal(data, &root) // it parsed before
	f.File, f.Line = name, lineOf(&root, f.Field)
	return err
}

// Complete fills defaults of listed models and checks a configuration that
// was made from flags.
func (c *Config) Complete() error {
	for i := range c.Models {
		modelDefaults(&c.Models[i])
	}
	faults := c.faults()
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// resolve makes relative paths start from the configuration's own folder.
func (c *Config) resolve(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&c.Runtime.Library)
	abs(&c.ShadowCache)
	abs(&c.MLflow.PasswordFile)
	abs(&c.MLflow.TokenFile)
	abs(&c.Runtime.CacheDir)
	abs(&c.Taps.File.Path)
	abs(&c.Cost.PriceFile)
	abs(&c.GPU.Library)
	for i := range c.Training {
		for _, p := range []*string{&c.Training[i].Metrics, &c.Training[i].TensorBoard, &c.Training[i].Checkpoints, &c.Training[i].Log} {
			abs(p)
		}
	}
	abs(&c.Taps.Kafka.SASL.PasswordFile)
	abs(&c.InferenceLog.Directory)
	abs(&c.InferenceLog.HashKeyFile)
	abs(&c.InferenceLog.Encryption.RecipientsFile)
	abs(&c.InferenceLog.Encryption.IdentityFile)
	abs(&c.Labels.Store.Path)
	abs(&c.Labels.Folder.Path)
	abs(&c.Labels.Kafka.SASL.PasswordFile)
	if t := c.Labels.Kafka.TLS; t != nil {
		t.SetDirectory(dir)
	}
	if t := c.Taps.Kafka.TLS; t != nil {
		t.SetDirectory(dir)
	}
	for i := range c.Models {
		abs(&c.Models[i].Reference.File)
		abs(&c.Models[i].Identity.TriggerSet.File)
		abs(&c.Models[i].Skew.File)
		for j := range c.Models[i].Shadows {
			c.Models[i].Shadows[j].resolve(abs)
		}
	}
}

func (s *Shadow) resolve(abs func(*string)) {
	s.Model = strings.TrimPrefix(s.Model, "file://")
	if s.Local() {
		abs(&s.Model)
	}
	abs(&s.Preprocess)
	if s.Signature != nil {
		abs(&s.Signature.Key)
		if !strings.HasPrefix(s.Signature.File, "https://") && !strings.HasPrefix(s.Signature.File, "http://") {
			abs(&s.Signature.File)
		}
	}
}

// Local reports whether the model lies on this machine.
func (s *Shadow) Local() bool {
	return !strings.Contains(s.Model, "://") && !strings.HasPrefix(s.Model, "models:")
}

// decodeErrors turns yaml's messages into Errors with line, field and fix.
func decodeErrors(name string, err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		line, what := splitLine(strings.TrimPrefix(err.Error(), "yaml: "))
		return &Error{File: name, Line: line, What: what, Fix: "correct the YAML syntax"}
	}
	errs := make([]error, 0, len(te.Errors))
	for _, msg := range te.Errors {
		line, what := splitLine(msg)
		e := &Error{File: name, Line: line, What: what, Fix: "see the configuration reference in docs/configuration.md"}
		if w, fix, ok := strings.Cut(what, "; fix: "); ok {
			e.What, e.Fix = w, fix
		}
		if m := unknownField().FindStringSubmatch(what); m != nil {
			e.Field, e.What = m[1], "unknown field"
			e.Fix = "remove it, or write one of: " + strings.Join(fieldNames(m[2]), ", ")
			if near := nearest(m[1], fieldNames(m[2])); near != "" {
				e.Fix = fmt.Sprintf("did you mean %q?", near)
			}
		}
		errs = append(errs, e)
	}
	return errors.Join(errs...)
}

func unknownField() *regexp.Regexp {
	return regexp.MustCompile(`^field (\S+) not found in type config\.(\w+)$`)
}

func splitLine(msg string) (int, string) {
	m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(msg)
	if m == nil {
		return 0, msg
	}
	n, _ := strconv.Atoi(m[1])
	return n, m[2]
}

// fieldNames lists the YAML fields of one of this package's types by name.
func fieldNames(typeName string) []string {
	for _, t := range structTypes() {
		if t.Name() != typeName {
			continue
		}
		var names []string
		for i := range t.NumField() {
			names = append(names, strings.Split(t.Field(i).Tag.Get("yaml"), ",")[0])
		}
		return names
	}
	return nil
}

// nearest is the name within two edits of got, if there is one.
func nearest(got string, names []string) string {
	best, bestD := "", 3
	for _, n := range names {
		if d := editDistance(got, n); d < bestD {
			best, bestD = n, d
		}
	}
	return best
}

func editDistance(a, b string) int {
	prev := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur := make([]int, len(b)+1)
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
		}
		prev = cur
	}
	return prev[len(b)]
}

// lineOf finds the line of "models[1].shadows[0].model" in the document; of
// the nearest parent that is there where the field itself is not.
func lineOf(root *yaml.Node, field string) int {
	n := root
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := n.Line
	for _, part := range splitPath(field) {
		next := child(n, part)
		if next == nil {
			return line
		}
		n, line = next, next.Line
	}
	return line
}

func splitPath(field string) []string {
	field = strings.NewReplacer("[", ".", "]", "").Replace(field)
	return slices.DeleteFunc(strings.Split(field, "."), func(s string) bool { return s == "" })
}

func child(n *yaml.Node, part string) *yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == part {
				v := n.Content[i+1]
				if v.Kind == yaml.ScalarNode || v.Line == 0 {
					return v
				}
				v.Line = n.Content[i].Line // a block starts on the key's line
				return v
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(part); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}
