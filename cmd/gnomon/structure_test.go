package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gnomon-dev/gnomon/"

// mayImport is which of our folders a folder may import. A folder is judged by
// its longest prefix here.
var mayImport = map[string][]string{
	"driftlib":        {"driftlib"},
	"shadow":          {"shadow"},
	"exporter":        {"driftlib", "shadow", "exporter"},
	"exporter/demo":   {"driftlib", "shadow", "exporter", "examples"},
	"alerts":          {"alerts"},
	"dashboards":      {},
	"examples":        {"driftlib", "shadow", "exporter", "examples"},
	"cmd":             {"driftlib", "shadow", "exporter", "examples", "alerts"},
	"exporter/config": {"exporter/config", "shadow/provider", "shadow/compare", "shadow/adapt", "shadow/tensor"},
}

// thirdParty are the libraries that only one folder may import.
var thirdParty = map[string]string{
	"C":                             "shadow/onnx/ort",
	"github.com/NVIDIA/go-nvml":     "exporter/gpu",
	"github.com/parquet-go/":        "exporter/table",
	"github.com/cockroachdb/":       "exporter/labelstore",
	"github.com/twmb/franz-go":      "exporter/tap/kafka",
	"github.com/alecthomas/kingpin": "cmd",
	"filippo.io/age":                "exporter/inferencelog",
	"go.opentelemetry.io/":          "exporter/tracing",
	"k8s.io/kubelet":                "exporter/gpu/kubelet",
}

const (
	mostFunctionLines = 70
	mostFileLines     = 500
)

type source struct {
	path   string
	folder string
	file   *ast.File
	set    *token.FileSet
}

// sources are the Go files of this module.
func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []source
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "node_modules" || rel == "bin" || rel == "grafana-plugin" || rel == "dashboards" || rel == "alerts/tools" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(rel))
		out = append(out, source{rel, folder, f, set})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func under(folder, prefix string) bool {
	return folder == prefix || strings.HasPrefix(folder, prefix+"/")
}

func TestImportDirections(t *testing.T) {
	for _, s := range sources(t) {
		var allowed []string
		longest := -1
		for prefix, list := range mayImport {
			if under(s.folder, prefix) && len(prefix) > longest {
				allowed, longest = list, len(prefix)
			}
		}
		for _, imp := range s.file.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for library, only := range thirdParty {
				if (path == library || library != "C" && strings.HasPrefix(path, library)) && !under(s.folder, only) && !strings.HasSuffix(s.path, "_test.go") {
					t.Errorf("%s imports %s, which only %s may", s.path, path, only)
				}
			}
			ours, ok := strings.CutPrefix(path, module)
			if !ok || strings.HasSuffix(s.path, "_test.go") {
				continue
			}
			if !slices.ContainsFunc(allowed, func(a string) bool { return under(ours, a) }) {
				t.Errorf("%s imports %s; %s may import %v", s.path, ours, s.folder, allowed)
			}
		}
	}
}

// TestHouseRules: no init, no printing and no exit outside cmd, functions and
// files of a length that one reads in one go.
func TestHouseRules(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		if n := s.set.Position(s.file.End()).Line; n > mostFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, n, mostFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: init runs behind everybody's back", s.path)
			}
			if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > mostFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", s.path, f.Name.Name, n, mostFunctionLines)
			}
		}
		if s.file.Name.Name == "main" || under(s.folder, "exporter/tap/tapbench") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := call.X.(*ast.Ident); ok {
				switch x.Name + "." + call.Sel.Name {
				case "os.Exit", "log.Fatal", "log.Fatalf", "fmt.Print", "fmt.Println", "fmt.Printf":
					t.Errorf("%s: %s.%s outside cmd", s.set.Position(n.Pos()), x.Name, call.Sel.Name)
				}
			}
			return true
		})
	}
}
