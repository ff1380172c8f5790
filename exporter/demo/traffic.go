package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gnomon-dev/gnomon/examples/digits"
	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/shadow/tensor"
)

// Traffic is a client that sends real images through gnomon, open loop: at its
// rate, whether or not answers come; and the truth about them a little later.
type Traffic struct {
	Front  string // base URL of gnomon's proxy
	Pages  string // base URL of gnomon's API
	Images []digits.Image
	Rate   float64       // requests a second
	Delay  time.Duration // of the labels
	Seed   uint64
	Client *http.Client

	alter    atomic.Pointer[func(digits.Image) digits.Image]
	sent     atomic.Uint64
	failures atomic.Uint64

	mu     sync.Mutex
	labels []due
}

type due struct {
	at    time.Time
	id    string
	label int
}

// Alter changes what is done to the images before they are sent; nil: nothing.
func (t *Traffic) Alter(f func(digits.Image) digits.Image) { t.alter.Store(&f) }

// Failures is how many requests were not answered with success.
func (t *Traffic) Failures() uint64 { return t.failures.Load() }

// Sent is how many requests were sent.
func (t *Traffic) Sent() uint64 { return t.sent.Load() }

// Run sends until ctx ends.
func (t *Traffic) Run(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(t.Seed, 1))
	ticker := time.NewTicker(time.Duration(float64(time.Second) / t.Rate))
	defer ticker.Stop()
	labels := time.NewTicker(500 * time.Millisecond)
	defer labels.Stop()
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-labels.C:
			if body := t.dueLabels(now); body != nil {
				running.Go(func() { t.post(ctx, t.Pages+"/api/v1/labels", body) })
			}
		case now := <-ticker.C:
			body := t.request(rng, now)
			running.Go(func() {
				if !t.post(ctx, t.Front+"/v2/models/"+ModelName+"/infer", body) && ctx.Err() == nil {
					t.failures.Add(1)
				}
			})
		}
	}
}

// request draws the next image and remembers its label.
func (t *Traffic) request(rng *rand.Rand, now time.Time) []byte {
	img := digits.Augment(t.Images[rng.IntN(len(t.Images))], rng)
	if f := t.alter.Load(); f != nil && *f != nil {
		img = (*f)(img)
	}
	id := fmt.Sprintf("demo-%d-%d", t.Seed, t.sent.Add(1))
	t.mu.Lock()
	t.labels = append(t.labels, due{now.Add(t.Delay), id, img.Label})
	t.mu.Unlock()
	body, err := oip.EncodeRequest(oip.Message{ID: id, Tensors: []tensor.Tensor{tensor.FromFloat32s("image", img.Pixels[:], 1, 1, digits.Size, digits.Size)}})
	if err != nil {
		return nil // cannot be: the tensor is valid
	}
	return body
}

// dueLabels is the labels whose time has come, as JSON Lines.
func (t *Traffic) dueLabels(now time.Time) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for ; n < len(t.labels) && !t.labels[n].at.After(now); n++ {
		_ = enc.Encode(map[string]any{"id": t.labels[n].id, "label": t.labels[n].label}) // a buffer takes it
	}
	t.labels = t.labels[n:]
	if n == 0 {
		return nil
	}
	return b.Bytes()
}

// post reports whether the answer is a success.
func (t *Traffic) post(ctx context.Context, url string, body []byte) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := t.Client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return resp.StatusCode < 300
}
