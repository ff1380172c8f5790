package oip

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Errors of the Client.
var (
	// ErrServer: the server answered with a status that is no success.
	ErrServer = errors.New("model server refused")
	// ErrUnsupported: the server has no such endpoint.
	ErrUnsupported = errors.New("model server does not support this")
)

// maxAnswer bounds what the client reads of metadata, and of an answer.
const maxAnswer = 64 << 20

// Client asks a model server about itself: for discovery, and for the probe
// of golden inputs. Safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
}

// NewClient returns a client of the server at base, such as
// http://127.0.0.1:8000. A nil h is http.DefaultClient.
func NewClient(base *url.URL, h *http.Client) *Client {
	if h == nil {
		h = http.DefaultClient
	}
	return &Client{base: base, http: h}
}

// ServerMetadata is the answer to GET /v2.
type ServerMetadata struct {
	Name       string   `json:"name"`
	Version    string   `json:"version"`
	Extensions []string `json:"extensions"`
}

// TensorMetadata is one input or output of a model. A dimension of -1 is
// dynamic.
type TensorMetadata struct {
	Name     string `json:"name"`
	Datatype string `json:"datatype"`
	Shape    Shape  `json:"shape"`
}

// Shape reads dimensions as numbers or, as protobuf's JSON writes them, as
// strings.
type Shape []int64

// UnmarshalJSON implements json.Unmarshaler.
func (s *Shape) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*s = make(Shape, len(raw))
	for i, r := range raw {
		n, err := strconv.ParseInt(strings.Trim(string(r), `"`), 10, 64)
		if err != nil {
			return fmt.Errorf("dimension %d: %w", i, err)
		}
		(*s)[i] = n
	}
	return nil
}

// ModelMetadata is the answer to GET /v2/models/{model}.
type ModelMetadata struct {
	Name     string           `json:"name"`
	Versions []string         `json:"versions"`
	Platform string           `json:"platform"`
	Inputs   []TensorMetadata `json:"inputs"`
	Outputs  []TensorMetadata `json:"outputs"`
}

// RepositoryModel is one entry of the repository index.
type RepositoryModel struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	State   string `json:"state"` // READY, UNAVAILABLE, ...
	Reason  string `json:"reason"`
}

// Ready reports whether the server is ready to serve: nil, or why not.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, http.MethodGet, []string{"v2", "health", "ready"}, nil, nil)
}

// ModelReady reports whether a model is ready to serve: nil, or why not. An
// empty version is the server's choice.
func (c *Client) ModelReady(ctx context.Context, model, version string) error {
	return c.do(ctx, http.MethodGet, append(modelPath(model, version), "ready"), nil, nil)
}

// Server returns the server's metadata.
func (c *Client) Server(ctx context.Context) (ServerMetadata, error) {
	var m ServerMetadata
	return m, c.do(ctx, http.MethodGet, []string{"v2"}, nil, &m)
}

// Model returns a model's metadata. An empty version is the server's choice.
func (c *Client) Model(ctx context.Context, model, version string) (ModelMetadata, error) {
	var m ModelMetadata
	return m, c.do(ctx, http.MethodGet, modelPath(model, version), nil, &m)
}

// Models returns the repository's index. It is ErrUnsupported where the
// server has none: the models then show themselves in the traffic.
func (c *Client) Models(ctx context.Context) ([]RepositoryModel, error) {
	var m []RepositoryModel
	return m, c.do(ctx, http.MethodPost, []string{"v2", "repository", "index"}, []byte("{}"), &m)
}

// Infer sends one request to a model and returns the answer. It is how golden
// inputs are put through the primary; it does not pass the tap.
func (c *Client) Infer(ctx context.Context, model, version string, m Message) (Message, error) {
	body, err := EncodeRequest(m)
	if err != nil {
		return Message{}, err
	}
	answer, err := c.bytes(ctx, http.MethodPost, append(modelPath(model, version), "infer"), body)
	if err != nil {
		return Message{}, err
	}
	var out Message
	if err := Parse(answer, -1, &out); err != nil {
		return Message{}, fmt.Errorf("read the answer of %q: %w", model, err)
	}
	return out, nil
}

func modelPath(model, version string) []string {
	p := []string{"v2", "models", model}
	if version != "" {
		p = append(p, "versions", version)
	}
	return p
}

func (c *Client) do(ctx context.Context, method string, path []string, body []byte, into any) error {
	answer, err := c.bytes(ctx, method, path, body)
	if err != nil || into == nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer to %s /%s: %w", method, strings.Join(path, "/"), err)
	}
	return nil
}

func (c *Client) bytes(ctx context.Context, method string, path []string, body []byte) ([]byte, error) {
	escaped := make([]string, len(path))
	for i, p := range path {
		escaped[i] = url.PathEscape(p)
	}
	target := c.base.JoinPath(escaped...)
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", target.Redacted(), err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask model server: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read the model server's answer: %w", err)
	}
	switch s := response.StatusCode; {
	case s < 300:
		return answer, nil
	case len(path) > 1 && path[1] == "repository" && (s == 404 || s == 405 || s == 501):
		return nil, fmt.Errorf("%w: %s %s: status %d", ErrUnsupported, method, target.Path, s)
	default:
		return nil, fmt.Errorf("%w: %s %s: status %d", ErrServer, method, target.Path, s)
	}
}

// Type is the tensor's datatype, Invalid where it is unknown.
func (t TensorMetadata) Type() tensor.DataType {
	dt, _ := tensor.ParseDataType(t.Datatype)
	return dt
}
