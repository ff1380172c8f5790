package source

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

func isHTTP(ref string) bool {
	return strings.HasPrefix(ref, "http://") || strings.HasPrefix(ref, "https://")
}

// remote is an .onnx file behind a URL, asked with If-None-Match so that an
// unchanged model costs one small answer.
type remote struct {
	url   string
	s     Settings
	cache *cache
	tag   string // ETag or Last-Modified of have
	have  *Model
}

func openHTTP(ref string, s Settings) (Source, error) {
	u, err := url.Parse(ref)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%w: %q is no URL", ErrReference, redact(ref))
	}
	c, err := newCache(s.Cache)
	if err != nil {
		return nil, err
	}
	return &remote{url: ref, s: s, cache: c}, nil
}

// Fetch asks for something newer. An origin that fails leaves the last good
// copy in use: an expired URL, a registry that is down.
func (r *remote) Fetch(ctx context.Context) (Model, error) {
	if r.have == nil {
		if m, n, ok := r.cache.last(r.url); ok {
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

// lastGood is the copy in hand with the origin's error, or that error where
// there is no copy.
func lastGood(ctx context.Context, have *Model, err error) (Model, error) {
	if have == nil || ctx.Err() != nil {
		return Model{}, err
	}
	m := *have
	m.Stale = err
	return m, nil
}

func (r *remote) ask(ctx context.Context) (Model, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return Model{}, fmt.Errorf("%w: %w", ErrReference, err)
	}
	if r.have != nil && r.tag != "" {
		if strings.HasPrefix(r.tag, `"`) || strings.HasPrefix(r.tag, "W/") {
			req.Header.Set("If-None-Match", r.tag)
		} else {
			req.Header.Set("If-Modified-Since", r.tag)
		}
	}
	resp, err := r.s.Client.Do(req)
	if err != nil {
		return Model{}, fmt.Errorf("%w: %w", ErrOrigin, redactError(err))
	}
	defer drain(resp.Body)
	switch {
	case resp.StatusCode == http.StatusNotModified && r.have != nil:
		return *r.have, nil
	case resp.StatusCode != http.StatusOK:
		return Model{}, fmt.Errorf("%w: %s answers %s%s", ErrOrigin, redact(r.url), resp.Status, hint(resp.StatusCode))
	}
	d, err := r.cache.begin(r.s.MaxBytes)
	if err != nil {
		return Model{}, err
	}
	defer d.discard()
	if err := d.add(ctx, "model.onnx", resp.Body); err != nil {
		return Model{}, err
	}
	r.tag = resp.Header.Get("ETag")
	if r.tag == "" {
		r.tag = resp.Header.Get("Last-Modified")
	}
	return d.keep(r.url, "", r.tag, 0)
}

func hint(status int) string {
	switch status {
	case http.StatusForbidden, http.StatusUnauthorized:
		return "; a presigned URL that has expired answers so"
	}
	return ""
}

func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 1<<16)) // so that the connection can be used again
	_ = body.Close()
}

// redact is a URL without what may be secret: user, password and query.
func redact(ref string) string {
	u, err := url.Parse(ref)
	if err != nil || u.Host == "" {
		return ref
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// redactError takes the query out of the URL that net/http puts into errors.
func redactError(err error) error {
	if e, ok := err.(*url.Error); ok {
		return fmt.Errorf("%s %s: %w", e.Op, redact(e.URL), e.Err)
	}
	return err
}
