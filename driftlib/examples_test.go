package driftlib_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// withoutExample are exported functions that need no example of their own, and
// why. Constructors, accessors and methods are shown by the example of what they
// belong to.
var withoutExample = map[string]string{
	"verdict.Defaults":     "options, in the example of Adjust",
	"verdict.NewReference": "in the example of Compare",
	"sequential.NewBets":   "in the example of Detector",
}

// TestEveryStatisticHasAnExample: every exported function of every public package
// that is not a constructor has an Example whose output is checked, and a doc
// comment that begins with its name.
func TestEveryStatisticHasAnExample(t *testing.T) {
	functions := map[string]token.Position{} // by "package.Function"
	types := map[string]bool{}
	examples := map[string]bool{}
	undocumented := map[string]bool{}
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "internal" || d.Name() == "testdata") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		if folder == "." {
			folder = "driftlib"
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := folder + "." + f.Name.Name
			if strings.HasSuffix(path, "_test.go") {
				if rest, ok := strings.CutPrefix(f.Name.Name, "Example"); ok && f.Recv == nil {
					what, _, _ := strings.Cut(rest, "_")
					examples[folder+"."+what] = true
				}
				continue
			}
			if !f.Name.IsExported() {
				continue
			}
			if f.Recv == nil {
				functions[name] = set.Position(f.Pos())
			}
			if text := f.Doc.Text(); text == "" || (f.Recv == nil && !strings.HasPrefix(text, f.Name.Name)) {
				undocumented[name] = true
			}
		}
		return typesOf(file, folder, types)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range functions {
		if constructed(name, types, examples) || examples[name] {
			continue
		}
		if why := withoutExample[name]; why == "" {
			t.Errorf("%s: %s has no Example with checked output", at, name)
		}
	}
	for name := range withoutExample {
		if _, ok := functions[name]; !ok || examples[name] {
			t.Errorf("%s is excepted from examples, but is gone or has one", name)
		}
	}
	for name := range undocumented {
		t.Errorf("%s has no doc comment that begins with its name", name)
	}
}

func typesOf(file *ast.File, folder string, types map[string]bool) error {
	for _, decl := range file.Decls {
		if g, ok := decl.(*ast.GenDecl); ok {
			for _, spec := range g.Specs {
				if s, ok := spec.(*ast.TypeSpec); ok && s.Name.IsExported() {
					types[folder+"."+s.Name.Name] = true
				}
			}
		}
	}
	return nil
}

// constructed reports whether a function makes a type that has an example:
// NewDetector, NewStratified and New of Detector.
func constructed(name string, types, examples map[string]bool) bool {
	folder, function, _ := strings.Cut(name, ".")
	made, ok := strings.CutPrefix(function, "New")
	if !ok {
		return false
	}
	for typeName := range types {
		of, short, _ := strings.Cut(typeName, ".")
		if of == folder && strings.HasPrefix(made, short) && examples[typeName] {
			return true
		}
	}
	return false
}
