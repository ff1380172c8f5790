package proxy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
)

// closing is a server's body that was closed because the answer began.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Read(p []byte) (int, error) {
	if c.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	return c.Reader.Read(p)
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestBodyEndsWhereItsLengthSays(t *testing.T) {
	inner := &closing{Reader: strings.NewReader("0123456789")}
	b := &body{ReadCloser: inner, length: 10}
	if _, err := io.ReadFull(b, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	inner.Close()
	if n, err := b.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("read after its end: %d, %v; want EOF", n, err)
	}
}

func TestBodyIsReadAgain(t *testing.T) {
	b := &body{ReadCloser: io.NopCloser(strings.NewReader("0123456789")), length: 10, record: true}
	if _, err := io.ReadFull(b, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	b.rewind()
	if whole, err := io.ReadAll(b); string(whole) != "0123456789" || err != nil {
		t.Errorf("%q, %v", whole, err)
	}
}

func TestFailureCode(t *testing.T) {
	for _, c := range []struct {
		err     error
		timeout string
		want    codes.Code
	}{
		{errors.New("connection refused"), "", codes.Unavailable},
		{http2.StreamError{Code: http2.ErrCodeCancel}, "50m", codes.DeadlineExceeded},
		{fmt.Errorf("wrapped: %w", http2.StreamError{Code: http2.ErrCodeCancel}), "", codes.Canceled},
		{http2.StreamError{Code: http2.ErrCodeRefusedStream}, "", codes.Unavailable},
		{http2.StreamError{Code: http2.ErrCodeEnhanceYourCalm}, "", codes.ResourceExhausted},
		{http2.StreamError{Code: http2.ErrCodeInadequateSecurity}, "", codes.PermissionDenied},
		{http2.StreamError{Code: http2.ErrCodeProtocol}, "", codes.Internal},
	} {
		r := &http.Request{Header: http.Header{}}
		if c.timeout != "" {
			r.Header.Set("Grpc-Timeout", c.timeout)
		}
		if got := failureCode(r, c.err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
