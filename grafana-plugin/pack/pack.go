// Package pack makes the zip that Grafana installs of a built plugin, and checks
// that it is one: what grafana.com's reviewers and Grafana's own loader look for.
package pack

import (
	"archive/zip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// epoch is the time of every file in the zip, so that the same plugin gives the
// same bytes.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// Manifest lists the Go files below a folder with their SHA-256: the reviewers
// build the backend anew and compare.
func Manifest(root string) ([]byte, error) {
	var out strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "dist") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		sum := sha256.Sum256(b)
		out.WriteString(hex.EncodeToString(sum[:]) + ":" + filepath.ToSlash(rel) + "\n")
		return err
	})
	return []byte(out.String()), err
}

// Pack zips a built plugin below a folder named as the plugin's id, writes the
// zip and its checksums into a folder and returns the zip's path.
func Pack(dist, into string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dist, "plugin.json"))
	if err != nil {
		return "", fmt.Errorf("%w; build the plugin first: make plugin", err)
	}
	var p Plugin
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", fmt.Errorf("plugin.json: %w", err)
	}
	if p.ID == "" || p.Info.Version == "" {
		return "", errors.New("plugin.json: id or info.version is empty")
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return "", err
	}
	name := filepath.Join(into, p.ID+"-"+p.Info.Version+".zip")
	f, err := os.Create(name)
	if err != nil {
		return "", err
	}
	if err := errors.Join(write(f, dist, p.ID), f.Close()); err != nil {
		return "", err
	}
	return name, checksums(name)
}

func write(w io.Writer, dist, id string) error {
	z := zip.NewWriter(w)
	err := filepath.WalkDir(dist, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dist, p)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: path.Join(id, filepath.ToSlash(rel)), Method: zip.Deflate, Modified: epoch}
		h.SetMode(0o644)
		if strings.HasPrefix(d.Name(), "gpx_") {
			h.SetMode(0o755)
		}
		out, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		in, err := os.Open(p)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(out, in)
		return err
	})
	return errors.Join(err, z.Close())
}

// checksums writes what grafana.com asks for beside the zip.
func checksums(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for suffix, h := range map[string]hash.Hash{"md5": md5.New(), "sha1": sha1.New(), "sha256": sha256.New()} {
		h.Write(b)
		line := hex.EncodeToString(h.Sum(nil)) + "  " + filepath.Base(name) + "\n"
		if err := os.WriteFile(name+"."+suffix, []byte(line), 0o644); err != nil {
			return err
		}
	}
	return nil
}
