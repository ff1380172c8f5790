package source

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
)

// registry is a model of an MLflow registry, by alias or version.
type registry struct {
	ref, name, alias, version string
	base                      *url.URL
	s                         Settings
	cache                     *cache
	have                      *Model
	tag                       string
}

// openMLflow reads "models:/name@alias" and "models:/name/version".
func openMLflow(ref string, s Settings) (Source, error) {
	fix := fmt.Errorf("%w: %q; fix: write models:/NAME@ALIAS or models:/NAME/VERSION", ErrReference, ref)
	rest, ok := strings.CutPrefix(ref, "models:/")
	if !ok {
		return nil, fix
	}
	r := &registry{ref: ref, s: s}
	if name, alias, ok := strings.Cut(rest, "@"); ok {
		r.name, r.alias = name, alias
	} else if i := strings.LastIndexByte(rest, '/'); i > 0 {
		r.name, r.version = rest[:i], rest[i+1:]
		if n, err := strconv.Atoi(r.version); err != nil || n < 1 {
			return nil, fmt.Errorf("%w: %q is no version number (stages are gone from MLflow); fix: write models:/%s@ALIAS", ErrReference, r.version, r.name)
		}
	}
	if r.name == "" || r.alias == "" && r.version == "" {
		return nil, fix
	}
	var err error
	if r.base, err = url.Parse(s.MLflow.URL); err != nil || r.base.Host == "" {
		return nil, fmt.Errorf("%w: %q needs the tracking server's URL; fix: set mlflow.url, or MLFLOW_TRACKING_URI", ErrReference, ref)
	}
	r.ref = r.base.Redacted() + " " + ref
	if r.cache, err = newCache(s.Cache); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *registry) Fetch(ctx context.Context) (Model, error) {
	if r.have == nil {
		if m, n, ok := r.cache.last(r.ref); ok {
			m.Origin = r.origin(n.Version)
			r.have, r.tag = &m, n.Tag
		}
	}
	m, err := r.ask(ctx)
	if err == nil {
		r.have = &m
		return m, nil
	}
	return lastGood(ctx, r.have, err)
}

func (r *registry) origin(version string) string { return "models:/" + r.name + "/" + version }

// modelVersion is MLflow's answer about one version.
type modelVersion struct {
	ModelVersion struct {
		Version, Status string
		Created         int64 `json:"creation_timestamp"` // milliseconds since 1970
	} `json:"model_version"`
}

// ask finds the version and, where it is another than the one in hand, brings
// its files.
func (r *registry) ask(ctx context.Context) (Model, error) {
	version, created := r.version, int64(0)
	if r.alias != "" {
		var v modelVersion
		if err := r.get(ctx, "api/2.0/mlflow/registered-models/alias", url.Values{"name": {r.name}, "alias": {r.alias}}, &v); err != nil {
			return Model{}, err
		}
		version, created = v.ModelVersion.Version, v.ModelVersion.Created
		if s := v.ModelVersion.Status; s != "" && s != "READY" {
			return Model{}, fmt.Errorf("%w: version %s of %s is %s, not READY", ErrOrigin, version, r.name, s)
		}
	}
	var d struct {
		URI string `json:"artifact_uri"`
	}
	if err := r.get(ctx, "api/2.0/mlflow/model-versions/get-download-uri", url.Values{"name": {r.name}, "version": {version}}, &d); err != nil {
		return Model{}, err
	}
	if r.have != nil && r.tag == d.URI && r.have.Version == version {
		return *r.have, nil
	}
	if r.alias == "" {
		var v modelVersion
		if err := r.get(ctx, "api/2.0/mlflow/model-versions/get", url.Values{"name": {r.name}, "version": {version}}, &v); err == nil {
			created = v.ModelVersion.Created // a registry that does not say loses us the age only
		}
	}
	root, err := artifactPath(d.URI)
	if err != nil {
		return Model{}, err
	}
	m, err := r.download(ctx, root, version, d.URI, created)
	m.Origin = r.origin(version)
	return m, err
}

// artifactPath is the path of a proxied artifact, "mlflow-artifacts:/1/...".
func artifactPath(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "mlflow-artifacts" {
		scheme, _, _ := strings.Cut(uri, ":")
		return "", fmt.Errorf("%w: the registry keeps the model in %s:, not behind the tracking server; fix: start it with --artifacts-destination, or mount the store and name the folder", ErrReference, scheme)
	}
	return strings.TrimPrefix(path.Clean(u.Path), "/"), nil
}

type artifact struct {
	Path  string `json:"path"`
	IsDir bool   `json:"is_dir"`
	Size  int64  `json:"file_size"`
}

const mostArtifacts = 1000

// list walks the artifact's folders.
func (r *registry) list(ctx context.Context, root string) ([]string, error) {
	var out []string
	queue := []string{""}
	for len(queue) > 0 {
		dir := queue[0]
		queue = queue[1:]
		var l struct {
			Files []artifact `json:"files"`
		}
		if err := r.get(ctx, "api/2.0/mlflow-artifacts/artifacts", url.Values{"path": {path.Join(root, dir)}}, &l); err != nil {
			return nil, err
		}
		for _, f := range l.Files {
			name := path.Join(dir, path.Base(f.Path))
			if f.IsDir {
				queue = append(queue, name)
			} else {
				out = append(out, name)
			}
		}
		if len(out)+len(queue) > mostArtifacts {
			return nil, fmt.Errorf("%w: the model has more than %d files", ErrRefused, mostArtifacts)
		}
	}
	return out, nil
}

// download brings every file: mlflow.onnx writes weights beside the model.
func (r *registry) download(ctx context.Context, root, version, tag string, created int64) (Model, error) {
	names, err := r.list(ctx, root)
	if err != nil {
		return Model{}, err
	}
	at := slices.IndexFunc(names, func(n string) bool { return path.Ext(n) == ".onnx" })
	if at < 0 {
		return Model{}, fmt.Errorf("%w: %s version %s has no .onnx file among its artifacts; fix: log it with mlflow.onnx", ErrRefused, r.name, version)
	}
	names[0], names[at] = names[at], names[0]
	d, err := r.cache.begin(r.s.MaxBytes)
	if err != nil {
		return Model{}, err
	}
	defer d.discard()
	for _, n := range names {
		if err := r.file(ctx, d, path.Join(root, n), n); err != nil {
			return Model{}, err
		}
	}
	m, err := d.keep(r.ref, version, tag, created)
	if err == nil {
		r.tag = tag
	}
	return m, err
}

func (r *registry) file(ctx context.Context, d *download, from, name string) error {
	resp, err := r.do(ctx, r.base.JoinPath("api/2.0/mlflow-artifacts/artifacts", from))
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	return d.add(ctx, name, resp.Body)
}

const mostAnswer = 4 << 20

func (r *registry) get(ctx context.Context, endpoint string, query url.Values, into any) error {
	u := r.base.JoinPath(endpoint)
	u.RawQuery = query.Encode()
	resp, err := r.do(ctx, u)
	if err != nil {
		return err
	}
	defer drain(resp.Body)
	if err := json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(into); err != nil {
		return fmt.Errorf("%w: %s: not MLflow's JSON (%w); fix: check mlflow.url", ErrOrigin, redact(u.String()), err)
	}
	return nil
}

func (r *registry) do(ctx context.Context, u *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReference, err)
	}
	switch m := r.s.MLflow; {
	case m.Token != "":
		req.Header.Set("Authorization", "Bearer "+m.Token)
	case m.Username != "":
		req.SetBasicAuth(m.Username, m.Password)
	}
	resp, err := r.s.Client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOrigin, redactError(err))
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer drain(resp.Body)
	var e struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	_ = json.NewDecoder(io.LimitReader(resp.Body, mostAnswer)).Decode(&e) // the status says enough without it
	return nil, fmt.Errorf("%w: %s answers %s %s %s", ErrOrigin, redact(u.String()), resp.Status, e.Code, e.Message)
}
