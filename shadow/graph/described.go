package graph

import "strings"

// mostText bounds a text that becomes a label of a metric.
const mostText = 120

// described is what is said of a model's making, each with the keys of a
// model's metadata under which it is found; the first that is there counts.
// The keys that the file's own fields do not have are those that exporters
// write: ONNX's model_license and model_author, Ultralytics' license and author.
func described() [][]string {
	return [][]string{
		{"producer"}, {"producer_version"}, {"opset"}, {"ir"}, {"graph"}, {"domain"}, {"version"}, {"description"},
		{"licence", "license", "model_license", "licenses", "License", "spdx_license"},
		{"author", "model_author", "Author"},
	}
}

// Described is what a model's metadata says of its making: producer,
// producer_version, opset, ir, graph, domain, version, description, licence and
// author, as far as they are there. Every text is one line of at most 120
// characters; other keys, which may hold anything, are left out.
func Described(metadata map[string]string) map[string]string {
	out := map[string]string{}
	for _, keys := range described() {
		for _, k := range keys {
			if text := line(metadata[k]); text != "" {
				out[keys[0]] = text
				break
			}
		}
	}
	return out
}

// line is a text as one line of valid characters, cut where it is too long.
func line(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), 8*mostText)], "")
	s = strings.Join(strings.Fields(strings.Map(printable, s)), " ")
	if r := []rune(s); len(r) > mostText {
		s = string(r[:mostText-1]) + "…"
	}
	return s
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
