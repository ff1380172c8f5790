// Package deliver writes generated rules in the forms that other rulers take:
// the PrometheusRule of the Prometheus Operator, the namespaces of Mimir's and
// Cortex's rulers, and Grafana's provisioning of its own alerts. Prometheus and
// the Thanos ruler take the plain rule files.
package deliver

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gnomon-dev/gnomon/alerts/rules"
	"go.yaml.in/yaml/v3"
)

// Settings are what a form needs beside the rules.
type Settings struct {
	// Namespace of the ruler (mimir), of the object (prometheusrule), or folder
	// (grafana).
	Namespace string
	// Labels of a PrometheusRule, which the operator's ruleSelector looks for.
	Labels map[string]string
	// DataSource is the uid of Grafana's data source for Prometheus.
	DataSource string
}

// Form writes rule files in one form: contents by path.
type Form func(files []rules.File, s Settings) (map[string][]byte, error)

// Forms is the table of forms: a new one is a row.
func Forms() map[string]Form {
	return map[string]Form{"prometheus": plain, "prometheusrule": prometheusRules, "mimir": mimir, "grafana": grafana}
}

// Names lists the forms.
func Names() []string { return slices.Sorted(maps.Keys(Forms())) }

func plain(files []rules.File, _ Settings) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range files {
		out["rules/"+f.Name] = f.YAML()
	}
	return out, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(rules.Header)
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	return b.Bytes(), enc.Close()
}

// object is a PrometheusRule.
type object struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   metadata `yaml:"metadata"`
	Spec       struct {
		Groups []rules.Group `yaml:"groups"`
	} `yaml:"spec"`
}

type metadata struct {
	Name      string            `yaml:"name"`
	Namespace string            `yaml:"namespace,omitempty"`
	Labels    map[string]string `yaml:"labels,omitempty"`
}

// prometheusRules makes an object of each file: one of all would come near the
// 1 MiB that etcd takes.
func prometheusRules(files []rules.File, s Settings) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range files {
		o := object{APIVersion: "monitoring.coreos.com/v1", Kind: "PrometheusRule",
			Metadata: metadata{strings.ReplaceAll(strings.TrimSuffix(f.Name, ".yml"), ".", "-"), s.Namespace, s.Labels}}
		o.Spec.Groups = f.Groups
		text, err := encode(o)
		if err != nil {
			return nil, err
		}
		out["prometheusrules/"+o.Metadata.Name+".yaml"] = text
	}
	return out, nil
}

// mostRules is Mimir's limit of the rules in a group, by default.
const mostRules = 20

// namespace is a file that mimirtool and cortextool load.
type namespace struct {
	Namespace string        `yaml:"namespace"`
	Groups    []rules.Group `yaml:"groups"`
}

// mimir makes one namespace. Groups longer than Mimir's limit are cut; what a
// later part reads of an earlier one is then an interval old.
func mimir(files []rules.File, s Settings) (map[string][]byte, error) {
	n := namespace{Namespace: s.Namespace}
	if n.Namespace == "" {
		n.Namespace = "gnomon"
	}
	for _, f := range files {
		for _, g := range f.Groups {
			for i, part := range slices.Collect(slices.Chunk(g.Rules, mostRules)) {
				cut := rules.Group{Name: g.Name, Interval: g.Interval, Rules: part}
				if i > 0 {
					cut.Name = fmt.Sprintf("%s-%d", g.Name, i+1)
				}
				n.Groups = append(n.Groups, cut)
			}
		}
	}
	text, err := encode(n)
	return map[string][]byte{"mimir/" + n.Namespace + ".yaml": text}, err
}
