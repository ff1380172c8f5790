// Package kubelet asks the kubelet which container it gave which GPU to,
// through the pod-resources API (v1).
package kubelet

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"k8s.io/kubelet/pkg/apis/podresources/v1"
)

// answerLimit is how long the kubelet may take.
const answerLimit = 2 * time.Second

// maxAnswer is the largest answer that is read: a node has few hundred pods.
const maxAnswer = 16 << 20

// Client asks one kubelet.
type Client struct {
	conn *grpc.ClientConn
	list v1.PodResourcesListerClient
}

// New makes a client of a socket. It connects when it is first asked.
func New(socket string) (*Client, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	return &Client{conn, v1.NewPodResourcesListerClient(conn)}, nil
}

// Pods is who has which device, by the device's id. Ids of shared GPUs
// ("GPU-...::3") stand for the GPU; of several pods that share one, the first in
// the kubelet's answer is given.
func (c *Client) Pods(ctx context.Context) (map[string]gpu.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	answer, err := c.list.List(ctx, &v1.ListPodResourcesRequest{})
	if err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	out := map[string]gpu.Pod{}
	for _, pod := range answer.GetPodResources() {
		for _, container := range pod.GetContainers() {
			for _, id := range ids(container) {
				if _, taken := out[id]; !taken {
					out[id] = gpu.Pod{Namespace: pod.GetNamespace(), Name: pod.GetName(), Container: container.GetName()}
				}
			}
		}
	}
	return out, nil
}

// ids are the GPUs of a container: of device plugins and, by the names that
// drivers of dynamic resource allocation give, of claims.
func ids(c *v1.ContainerResources) []string {
	var out []string
	for _, d := range c.GetDevices() {
		vendor, _, _ := strings.Cut(d.GetResourceName(), "/")
		if vendor != "nvidia.com" && vendor != "amd.com" && vendor != "gpu.intel.com" {
			continue
		}
		for _, id := range d.GetDeviceIds() {
			id, _, _ = strings.Cut(id, "::")
			out = append(out, id)
		}
	}
	for _, claim := range c.GetDynamicResources() {
		for _, r := range claim.GetClaimResources() {
			for _, d := range r.GetCdiDevices() {
				if _, id, ok := strings.Cut(d.GetName(), "="); ok && (strings.HasPrefix(id, "GPU-") || strings.HasPrefix(id, "MIG-")) {
					out = append(out, id)
				}
			}
		}
	}
	return out
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }
