package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	models "github.com/gnomon-dev/gnomon/shadow/source"
)

// sourceFlags are those of a command that takes a model where its owner keeps
// it.
type sourceFlags struct {
	cache, digest, key, signature string
	url, username                 string
	password, token               string // files
}

func (f *sourceFlags) register(c *kingpin.CmdClause) {
	c.Flag("cache", "Folder of downloaded models; the user's cache folder where left out.").StringVar(&f.cache)
	c.Flag("digest", "sha256:HEX that the file of --model must have.").StringVar(&f.digest)
	c.Flag("signature.key", "Public key, such as cosign.pub, that --model must be signed with.").StringVar(&f.key)
	c.Flag("signature.file", "Signature or cosign bundle, path or URL; the model's with .sig behind it where left out.").StringVar(&f.signature)
	c.Flag("mlflow.url", "MLflow tracking server, for models:/ references.").Envar("MLFLOW_TRACKING_URI").StringVar(&f.url)
	c.Flag("mlflow.username", "User of it.").StringVar(&f.username)
	c.Flag("mlflow.password-file", "File with the user's password.").StringVar(&f.password)
	c.Flag("mlflow.token-file", "File with a bearer token instead.").StringVar(&f.token)
}

// find brings the model that a reference names to this machine. Where its
// origin does not answer it is an error and not the last good copy: a gate must
// not judge another model than the one that was asked for. Digest and signature
// are those of --model alone (pinned).
func (f *sourceFlags) find(ctx context.Context, ref string, pinned bool) (models.Model, error) {
	s := models.Settings{Cache: f.cache, MLflow: models.MLflow{URL: f.url, Username: f.username}}
	if pinned {
		s.Digest = f.digest
	}
	if pinned && f.key != "" {
		s.Signature = &models.Signature{Key: f.key, File: f.signature}
	}
	for path, secret := range map[string]*string{f.password: &s.MLflow.Password, f.token: &s.MLflow.Token} {
		if path == "" {
			continue
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return models.Model{}, fmt.Errorf("read secret: %w", err)
		}
		*secret = strings.TrimSpace(string(data))
	}
	if s.Cache == "" && !models.Local(ref) {
		dir, err := os.UserCacheDir()
		if err != nil {
			return models.Model{}, usageError{fmt.Errorf("%w; fix: give --cache a folder", err)}
		}
		s.Cache = filepath.Join(dir, "gnomon")
	}
	src, err := models.Open(ref, s)
	if err != nil {
		return models.Model{}, usageError{err}
	}
	m, err := src.Fetch(ctx)
	if err == nil && m.Stale != nil {
		err = fmt.Errorf("%w; the copy in the cache may be another one", m.Stale)
	}
	return m, err
}
