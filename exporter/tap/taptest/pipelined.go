package taptest

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// pipelined: a client that does not wait for its answers gets them in order,
// and each is paired with its own request.
func pipelined(t *testing.T, start Start) {
	rig := NewRig(t, start, echoServer(t), nil)
	c := dial(t, rig.URL)
	const n = 8
	var text strings.Builder
	body := func(i int) string { return fmt.Sprintf(`{"id":"p%d"}`, i) }
	for i := range n {
		fmt.Fprintf(&text, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", inferPath, len(body(i)), body(i))
	}
	if _, err := io.WriteString(c, text.String()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	for i := range n {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(response.Body); string(got) != "<"+body(i) {
			t.Fatalf("answer %d is %q", i, got)
		}
	}
	for range n {
		if got := rig.Capture(t); string(got.Response.Bytes) != "<"+string(got.Request.Bytes) {
			t.Errorf("request %q, answer %q", got.Request.Bytes, got.Response.Bytes)
		}
	}
}
