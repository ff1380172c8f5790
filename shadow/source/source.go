package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Errors that callers branch on.
var (
	// ErrReference: the reference cannot be understood; nothing was asked.
	ErrReference = errors.New("model reference not understood")
	// ErrDigest: what was fetched is not what the configuration pins.
	ErrDigest = errors.New("model digest differs")
	// ErrSignature: the signature is missing or does not verify.
	ErrSignature = errors.New("model signature does not verify")
	// ErrRefused: a model of a kind that samples cannot be replayed on.
	ErrRefused = errors.New("model refused")
	// ErrOrigin: the place where the model is kept did not give it.
	ErrOrigin = errors.New("model source did not answer")
)

// Model is a model that was found, ready to be loaded.
type Model struct {
	Path    string   // of the .onnx file, on this machine
	Files   []string // every file that belongs to it (external weights), Path first
	Digest  string   // "sha256:hex" of the .onnx file
	Weights string   // "sha256:hex" over all files in order; equal to Digest where there is one file
	Version string   // as the repository or registry numbers it; "" where nothing does
	Origin  string   // where it comes from, without credentials
	// Stale is why this is the last good copy rather than the newest: the
	// origin's error. nil when the origin was asked.
	Stale error
	Hints Hints
	// Created is when the registry got this version; zero where nothing says so.
	Created time.Time
}

// Hints is what a repository's configuration says about a model.
type Hints struct {
	MaxBatch int // 0: not said
}

// Source is a place that a model is kept in. Fetch may be called again and
// again, from one goroutine: it asks the origin whether there is something new
// and answers with what is newest. A cheap question is asked before anything is
// read or downloaded.
type Source interface {
	Fetch(ctx context.Context) (Model, error)
}

// Settings is the wiring of a source.
type Settings struct {
	Cache     string // folder of downloaded models; needed for what comes over a network
	Digest    string // "sha256:hex" that the .onnx file must have; "" for any
	Signature *Signature
	Client    *http.Client // nil: one with a minute's patience
	MaxBytes  int64        // of one model; 0: 16 GiB
	MLflow    MLflow
}

// MLflow is where the registry is and how gnomon says who it is.
type MLflow struct {
	URL                       string // tracking server
	Username, Password, Token string
}

const (
	defaultMaxBytes = 16 << 30
	defaultPatience = time.Minute
)

// kind is one sort of reference: a new one is a file and a row.
type kind struct {
	name    string
	matches func(ref string) bool
	open    func(ref string, s Settings) (Source, error)
}

func kinds() []kind {
	return []kind{
		{"MLflow registry", func(ref string) bool { return strings.HasPrefix(ref, "models:") }, openMLflow},
		{"web server", isHTTP, openHTTP},
		{"object store", isObjectStore, refuseObjectStore},
		{"folder", isFolder, openFolder},
		{"file", func(string) bool { return true }, openFile},
	}
}

// Open makes the source that a reference names: "models:/name@alias" or
// "models:/name/3" (MLflow), "https://...", "file:///...", the path of an .onnx
// file, or of a folder in KServe's or Triton's layout.
func Open(ref string, s Settings) (Source, error) {
	if ref == "" {
		return nil, fmt.Errorf("%w: it is empty; fix: write the path of an .onnx file, a URL, or models:/NAME@ALIAS", ErrReference)
	}
	if s.Client == nil {
		s.Client = &http.Client{Timeout: defaultPatience}
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = defaultMaxBytes
	}
	ref = strings.TrimPrefix(ref, "file://")
	for _, k := range kinds() {
		if k.matches(ref) {
			src, err := k.open(ref, s)
			if err != nil {
				return nil, err
			}
			return &verified{src: src, s: s}, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrReference, ref)
}

// Local reports whether a reference names something on this machine.
func Local(ref string) bool {
	for _, prefix := range []string{"models:", "http://", "https://", "s3://", "gs://", "oci://"} {
		if strings.HasPrefix(ref, prefix) {
			return false
		}
	}
	return true
}

func isObjectStore(ref string) bool {
	return strings.HasPrefix(ref, "s3://") || strings.HasPrefix(ref, "gs://") || strings.HasPrefix(ref, "oci://")
}

func refuseObjectStore(ref string, _ Settings) (Source, error) {
	scheme, _, _ := strings.Cut(ref, ":")
	return nil, fmt.Errorf("%w: %s:// needs credentials that gnomon does not hold; fix: mount the bucket or image as a folder, or write a presigned https:// URL", ErrReference, scheme)
}

// verified checks digest and signature of whatever a source gives, before
// anybody loads it.
type verified struct {
	src  Source
	s    Settings
	last string // weights digest that was found good
}

func (v *verified) Fetch(ctx context.Context) (Model, error) {
	m, err := v.src.Fetch(ctx)
	if err != nil {
		return Model{}, err
	}
	if v.s.Digest != "" && v.s.Digest != m.Digest {
		return Model{}, fmt.Errorf("%w: %s has %s, the configuration pins %s", ErrDigest, m.Origin, m.Digest, v.s.Digest)
	}
	if v.s.Signature != nil && m.Weights != v.last {
		if err := v.s.Signature.Verify(ctx, m, v.s.Client); err != nil {
			return Model{}, err
		}
		v.last = m.Weights
	}
	return m, nil
}

// describe reads the files of a model and fills in their digests.
func describe(m Model) (Model, error) {
	all := sha256.New()
	for i, path := range m.Files {
		one := sha256.New()
		if err := hashFile(io.MultiWriter(all, one), path); err != nil {
			return Model{}, err
		}
		if i == 0 {
			m.Digest = "sha256:" + hex.EncodeToString(one.Sum(nil))
		}
	}
	m.Weights = "sha256:" + hex.EncodeToString(all.Sum(nil))
	return m, nil
}

func hashFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOrigin, err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("%w: read %s: %w", ErrOrigin, filepath.Base(path), err)
	}
	return nil
}
