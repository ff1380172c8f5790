package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/plugin"
)

// GrafanaVersion is the one that the plugin is told.
const GrafanaVersion = "11.6.7"

// Host runs the plugin's binary. Safe for concurrent use, as Grafana's is.
type Host struct {
	client      *goplugin.Client
	diagnostics grpcplugin.DiagnosticsClient
	resource    grpcplugin.ResourceClient
	data        grpcplugin.DataClient
	stream      grpcplugin.StreamClient
}

// Launch starts a plugin's binary; what it logs goes to logs. Close ends it.
func Launch(binary string, logs io.Writer) (*Host, error) {
	cmd := exec.Command(binary)
	// Grafana hands down a chosen environment, never its own.
	cmd.Env = []string{"GF_VERSION=" + GrafanaVersion, "GF_PLUGIN_ID=" + plugin.ID, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
	plugins := goplugin.PluginSet{
		"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
		"resource":    &grpcplugin.ResourceGRPCPlugin{},
		"data":        &grpcplugin.DataGRPCPlugin{},
		"stream":      &grpcplugin.StreamGRPCPlugin{},
	}
	h := &Host{client: goplugin.NewClient(&goplugin.ClientConfig{
		Cmd: cmd, SkipHostEnv: true,
		HandshakeConfig:  goplugin.HandshakeConfig{ProtocolVersion: grpcplugin.ProtocolVersion, MagicCookieKey: grpcplugin.MagicCookieKey, MagicCookieValue: grpcplugin.MagicCookieValue},
		VersionedPlugins: map[int]goplugin.PluginSet{grpcplugin.ProtocolVersion: plugins},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		StartTimeout:     2 * time.Minute,
		Logger:           hclog.New(&hclog.LoggerOptions{Name: "plugin", Level: hclog.Warn, Output: logs}),
		GRPCDialOptions:  []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30), grpc.MaxCallSendMsgSize(1<<30))},
	})}
	if err := h.dispense(); err != nil {
		h.Close()
		return nil, fmt.Errorf("launch %s: %w", binary, err)
	}
	return h, nil
}

func (h *Host) dispense() error {
	rpc, err := h.client.Client()
	if err != nil {
		return err
	}
	for name, set := range map[string]func(any){
		"diagnostics": func(v any) { h.diagnostics = v.(grpcplugin.DiagnosticsClient) },
		"resource":    func(v any) { h.resource = v.(grpcplugin.ResourceClient) },
		"data":        func(v any) { h.data = v.(grpcplugin.DataClient) },
		"stream":      func(v any) { h.stream = v.(grpcplugin.StreamClient) },
	} {
		raw, err := rpc.Dispense(name)
		if err != nil {
			return fmt.Errorf("dispense %s: %w", name, err)
		}
		set(raw)
	}
	return nil
}

// Close ends the plugin's process.
func (h *Host) Close() { h.client.Kill() }

// Exited is whether the plugin's process has ended.
func (h *Host) Exited() bool { return h.client.Exited() }

// Source is one configured data source of the plugin.
type Source struct {
	*Host
	UID, URL string
	JSONData map[string]any
	Secrets  map[string]string
	Updated  time.Time // later: Grafana has saved the settings anew
}

func (s *Source) context() (*pluginv2.PluginContext, error) {
	raw, err := json.Marshal(s.JSONData)
	if err != nil {
		return nil, err
	}
	return &pluginv2.PluginContext{
		OrgId: 1, PluginId: plugin.ID, PluginVersion: "0.1.0", ApiVersion: "v0alpha1",
		User:                       &pluginv2.User{Login: "admin", Name: "Admin", Email: "admin@localhost", Role: "Admin"},
		DataSourceInstanceSettings: &pluginv2.DataSourceInstanceSettings{Id: 1, Uid: s.UID, Name: "gnomon", Url: s.URL, JsonData: raw, DecryptedSecureJsonData: s.Secrets, LastUpdatedMS: s.Updated.UnixMilli()},
		GrafanaConfig:              map[string]string{backend.AppURL: "http://localhost:3000/", backend.ConcurrentQueryCount: "10"},
		UserAgent:                  "Grafana/" + GrafanaVersion + " (linux; amd64)",
	}, nil
}

// Health is the data source's "Save & test".
func (s *Source) Health(ctx context.Context) (*pluginv2.CheckHealthResponse, error) {
	pc, err := s.context()
	if err != nil {
		return nil, err
	}
	return s.diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: pc})
}

// Metrics are the plugin's own.
func (s *Source) Metrics(ctx context.Context) ([]byte, error) {
	pc, err := s.context()
	if err != nil {
		return nil, err
	}
	r, err := s.diagnostics.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{PluginContext: pc})
	if err != nil {
		return nil, err
	}
	return r.Metrics.Prometheus, nil
}

// Query runs queries as Grafana's server sends them: each is the JSON that an
// editor saved.
func (s *Source) Query(ctx context.Context, from, to time.Time, headers map[string]string, queries ...json.RawMessage) (*backend.QueryDataResponse, error) {
	pc, err := s.context()
	if err != nil {
		return nil, err
	}
	req := &pluginv2.QueryDataRequest{PluginContext: pc, Headers: headers}
	for _, raw := range queries {
		q := struct {
			RefID         string  `json:"refId"`
			QueryType     string  `json:"queryType"`
			MaxDataPoints float64 `json:"maxDataPoints"`
			IntervalMS    float64 `json:"intervalMs"`
		}{MaxDataPoints: 200, IntervalMS: 1000}
		if err := json.Unmarshal(raw, &q); err != nil {
			return nil, err
		}
		req.Queries = append(req.Queries, &pluginv2.DataQuery{RefId: q.RefID, QueryType: q.QueryType, MaxDataPoints: int64(q.MaxDataPoints), IntervalMS: int64(q.IntervalMS),
			TimeRange: &pluginv2.TimeRange{FromEpochMS: from.UnixMilli(), ToEpochMS: to.UnixMilli()}, Json: raw})
	}
	out, err := s.data.QueryData(ctx, req)
	if err != nil {
		return nil, err
	}
	return backend.FromProto().QueryDataResponse(out)
}

// Resource calls one of the data source's resources: a path with its query.
func (s *Source) Resource(ctx context.Context, method, path, url string, headers http.Header, body []byte) (int, http.Header, []byte, error) {
	pc, err := s.context()
	if err != nil {
		return 0, nil, nil, err
	}
	sent := map[string]*pluginv2.StringList{}
	for k, v := range headers {
		sent[k] = &pluginv2.StringList{Values: v}
	}
	stream, err := s.resource.CallResource(ctx, &pluginv2.CallResourceRequest{PluginContext: pc, Path: path, Url: url, Method: method, Headers: sent, Body: body})
	if err != nil {
		return 0, nil, nil, err
	}
	code, answered, all := 0, http.Header{}, []byte(nil)
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return code, answered, all, nil
		}
		if err != nil {
			return code, answered, all, err
		}
		if code == 0 {
			code = int(m.Code)
			for k, v := range m.Headers {
				answered[k] = v.Values
			}
		}
		all = append(all, m.Body...)
	}
}

// Subscribe asks whether a user may listen to a channel.
func (s *Source) Subscribe(ctx context.Context, path string) (pluginv2.SubscribeStreamResponse_Status, error) {
	pc, err := s.context()
	if err != nil {
		return 0, err
	}
	r, err := s.stream.SubscribeStream(ctx, &pluginv2.SubscribeStreamRequest{PluginContext: pc, Path: path})
	return r.GetStatus(), err
}

// Stream runs a channel until the context ends, as Grafana does while somebody
// listens, and hands every packet on.
func (s *Source) Stream(ctx context.Context, path string, packet func([]byte) error) error {
	pc, err := s.context()
	if err != nil {
		return err
	}
	stream, err := s.stream.RunStream(ctx, &pluginv2.RunStreamRequest{PluginContext: pc, Path: path})
	if err != nil {
		return err
	}
	for {
		p, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := packet(p.Data); err != nil {
			return err
		}
	}
}

// build runs go build in a folder and returns the binary's path.
func build(folder, output string) (string, error) {
	cmd := exec.Command("go", "build", "-o", output, ".")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build in %s: %w: %s", folder, err, out)
	}
	return output, nil
}
