package kubelet

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/gnomon-dev/gnomon/exporter/gpu"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"k8s.io/kubelet/pkg/apis/podresources/v1"
)

// server is a kubelet that speaks the real protocol.
type server struct {
	v1.UnimplementedPodResourcesListerServer
	pods []*v1.PodResources
}

func (s *server) List(context.Context, *v1.ListPodResourcesRequest) (*v1.ListPodResourcesResponse, error) {
	return &v1.ListPodResourcesResponse{PodResources: s.pods}, nil
}

func TestPods(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "kubelet.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	container := func(name, resource string, ids ...string) *v1.ContainerResources {
		return &v1.ContainerResources{Name: name, Devices: []*v1.ContainerDevices{{ResourceName: resource, DeviceIds: ids}}}
	}
	s := grpc.NewServer()
	v1.RegisterPodResourcesListerServer(s, &server{pods: []*v1.PodResources{
		{Name: "triton-0", Namespace: "serving", Containers: []*v1.ContainerResources{container("triton", "nvidia.com/gpu", "GPU-a", "GPU-b"), container("gnomon", "example.com/fpga", "FPGA-1")}},
		{Name: "small-0", Namespace: "serving", Containers: []*v1.ContainerResources{container("app", "nvidia.com/mig-1g.10gb", "MIG-c")}},
		{Name: "shared-0", Namespace: "dev", Containers: []*v1.ContainerResources{container("one", "nvidia.com/gpu.shared", "GPU-d::2")}},
		{Name: "shared-1", Namespace: "dev", Containers: []*v1.ContainerResources{container("two", "nvidia.com/gpu.shared", "GPU-d::5")}},
		{Name: "claimed-0", Namespace: "dev", Containers: []*v1.ContainerResources{{Name: "three", DynamicResources: []*v1.DynamicResource{{ClaimResources: []*v1.ClaimResource{{CdiDevices: []*v1.CDIDevice{{Name: "k8s.gpu.nvidia.com/device=GPU-e"}}}}}}}}},
	}})
	go func() { _ = s.Serve(listener) }()
	defer s.Stop()
	c, err := New(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Pods(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]gpu.Pod{
		"GPU-a": {Namespace: "serving", Name: "triton-0", Container: "triton"}, "GPU-b": {Namespace: "serving", Name: "triton-0", Container: "triton"},
		"MIG-c": {Namespace: "serving", Name: "small-0", Container: "app"}, "GPU-d": {Namespace: "dev", Name: "shared-0", Container: "one"},
		"GPU-e": {Namespace: "dev", Name: "claimed-0", Container: "three"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.Stop()
	if _, err := c.Pods(t.Context()); err == nil {
		t.Error("an answer of a kubelet that has gone")
	}
}
