package pack

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// Plugin is what is read of plugin.json.
type Plugin struct {
	ID, Type, Name, Executable           string
	Backend, Alerting, Annotations, Logs bool
	Metrics, Streaming                   bool
	Info                                 struct {
		Description, Version, Updated string
		Keywords                      []string
		Author                        struct{ Name string }
		Logos                         struct{ Small, Large string }
		Screenshots                   []struct{ Name, Path string }
		Links                         []struct{ Name, URL string }
	}
	Includes     []struct{ Type, Name, Path string }
	Dependencies struct{ GrafanaDependency string }
}

var (
	idForm      = regexp.MustCompile(`^[a-z0-9]+-[a-z0-9]+-datasource$`)
	versionForm = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
)

// Check reads a plugin's zip and names every fault in it.
func Check(name string) (faults []string, err error) {
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	c := &checker{files: map[string]*zip.File{}}
	for _, f := range z.File {
		c.files[f.Name] = f
	}
	for path := range c.files {
		if strings.HasSuffix(path, "/plugin.json") && strings.Count(path, "/") == 1 {
			c.root = strings.TrimSuffix(path, "plugin.json")
		}
	}
	if c.root == "" {
		return []string{"no folder with a plugin.json at the top"}, nil
	}
	var p Plugin
	if err := json.Unmarshal(c.read("plugin.json"), &p); err != nil {
		return []string{"plugin.json: " + err.Error()}, nil
	}
	c.metadata(&p)
	c.content(&p)
	c.backend(&p)
	return c.faults, nil
}

type checker struct {
	files  map[string]*zip.File
	root   string
	faults []string
}

func (c *checker) must(ok bool, format string, args ...any) {
	if !ok {
		c.faults = append(c.faults, fmt.Sprintf(format, args...))
	}
}

// read is a file's content; empty, with a fault, where there is none.
func (c *checker) read(name string) []byte {
	f := c.files[c.root+name]
	if f == nil {
		c.must(false, "%s is missing", name)
		return nil
	}
	r, err := f.Open()
	if err != nil {
		c.must(false, "%s: %v", name, err)
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	c.must(err == nil && len(b) > 0, "%s is empty or broken: %v", name, err)
	return b
}

func (c *checker) metadata(p *Plugin) {
	c.must(c.root == p.ID+"/", "the folder %s is not named as the id %s", c.root, p.ID)
	c.must(idForm.MatchString(p.ID), "id: %q is not ORGANISATION-NAME-datasource", p.ID)
	c.must(p.Type == "datasource" && p.Name != "", "type %q, name %q", p.Type, p.Name)
	c.must(p.Backend && p.Alerting && p.Annotations && p.Logs && p.Metrics && p.Streaming, "one of backend, alerting, annotations, logs, metrics, streaming is not true")
	c.must(versionForm.MatchString(p.Info.Version), "info.version: %q", p.Info.Version)
	_, err := time.Parse(time.DateOnly, p.Info.Updated)
	c.must(err == nil, "info.updated: %q is no date", p.Info.Updated)
	c.must(len(p.Info.Description) > 20 && len(p.Info.Keywords) > 2 && p.Info.Author.Name != "" && len(p.Info.Links) > 0, "info: description, keywords, author or links are missing")
	for _, l := range p.Info.Links {
		c.must(strings.HasPrefix(l.URL, "https://"), "info.links: %q", l.URL)
	}
	c.must(strings.HasPrefix(p.Dependencies.GrafanaDependency, ">=11.6.0"), "dependencies.grafanaDependency: %q", p.Dependencies.GrafanaDependency)
}

func (c *checker) content(p *Plugin) {
	for _, name := range []string{"module.js", "module.js.map", "CHANGELOG.md", "LICENSE", p.Info.Logos.Small, p.Info.Logos.Large} {
		c.read(name)
	}
	c.must(len(p.Info.Screenshots) > 0, "info.screenshots: there is none")
	for _, s := range p.Info.Screenshots {
		c.must(s.Name != "", "info.screenshots: %s has no name", s.Path)
		c.read(s.Path)
	}
	readme := string(c.read("README.md"))
	c.must(!strings.Contains(readme, "create-plugin") && !strings.Contains(readme, "This README describes") && len(readme) > 500, "README.md is the template's, or short")
	c.must(strings.Contains(string(c.read("CHANGELOG.md")), p.Info.Version), "CHANGELOG.md says nothing of %s", p.Info.Version)
	for _, i := range p.Includes {
		var d struct{ UID, Title string }
		err := json.Unmarshal(c.read(i.Path), &d)
		c.must(i.Type == "dashboard" && err == nil && d.UID != "" && d.Title != "", "includes: %s: %v, uid %q, title %q", i.Path, err, d.UID, d.Title)
	}
	for path := range c.files {
		c.must(strings.HasPrefix(path, c.root) && !strings.Contains(path, "node_modules") && !strings.Contains(path, ".."), "%s does not belong into the zip", path)
	}
}

func (c *checker) backend(p *Plugin) {
	binaries := 0
	for path, f := range c.files {
		if strings.HasPrefix(path, c.root+p.Executable+"_") {
			binaries++
			c.must(f.Mode()&0o111 == 0o111, "%s is not executable", path)
			c.must(f.UncompressedSize64 > 1<<20, "%s is only %d bytes long", path, f.UncompressedSize64)
		}
	}
	c.must(binaries > 0, "there is no binary of the backend")
	manifest := string(c.read("go_plugin_build_manifest"))
	for _, file := range []string{"pkg/main.go", "pkg/plugin/datasource.go"} {
		c.must(strings.Contains(manifest, ":"+file+"\n"), "go_plugin_build_manifest does not list %s", file)
	}
}
