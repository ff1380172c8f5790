package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// maxHead bounds the head of an answer.
const maxHead = 1 << 20

// head is the head of an answer.
type head struct {
	status   int
	length   int64 // -1: not stated
	chunked  bool
	close    bool
	declared bool // trailers were announced
	fields   []field
	hop      []string // further fields that concern this connection only
}

type field struct{ name, value string }

// readHead reads the head of the final answer, passing interim ones on.
func readHead(r *bufio.Reader, w http.ResponseWriter) (head, error) {
	for {
		text, err := readHeadText(r)
		if err != nil {
			return head{}, err
		}
		h, err := parseHead(text)
		if err != nil {
			return head{}, err
		}
		switch {
		case h.status >= 200:
			return h, nil
		case h.status == http.StatusSwitchingProtocols:
			return head{}, fmt.Errorf("%w: switches protocols unasked", errUpstream)
		case h.status == http.StatusContinue: // nobody waits for it here
		default:
			interim(w, h)
		}
	}
}

func interim(w http.ResponseWriter, h head) {
	fields := w.Header()
	for _, f := range h.fields {
		fields.Add(f.name, f.value)
	}
	w.WriteHeader(h.status)
	clear(fields)
}

// readHeadText reads up to and with the empty line that ends a head.
func readHeadText(r *bufio.Reader) (string, error) {
	if _, err := r.Peek(1); err != nil { // waits for the first packet
		return "", err
	}
	buffered, _ := r.Peek(r.Buffered())
	if i := headEnd(buffered); i > 0 { // nearly always: one packet, one copy
		text := string(buffered[:i])
		_, err := r.Discard(i)
		return text, err
	}
	var text []byte
	for {
		line, err := r.ReadSlice('\n')
		text = append(text, line...)
		switch {
		case err == bufio.ErrBufferFull:
		case err != nil:
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		case headEnd(text) > 0:
			return string(text), nil
		}
		if len(text) > maxHead {
			return "", fmt.Errorf("%w: head longer than %d bytes", errUpstream, maxHead)
		}
	}
}

// headEnd is the length of the head that b begins with; 0 where its end is
// not there.
func headEnd(b []byte) int {
	for i := 0; i < len(b); i++ {
		if b[i] != '\n' {
			continue
		}
		switch rest := b[i+1:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 2
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 3
		}
	}
	return 0
}

func parseHead(text string) (head, error) {
	h := head{length: -1}
	line, rest, _ := strings.Cut(text, "\n")
	line = strings.TrimSuffix(line, "\r")
	version, status, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(version, "HTTP/1.") || len(version) != 8 || len(status) < 3 || (len(status) > 3 && status[3] != ' ') {
		return h, fmt.Errorf("%w: no status line", errUpstream)
	}
	code, err := strconv.Atoi(status[:3])
	if err != nil || code < 100 {
		return h, fmt.Errorf("%w: no status", errUpstream)
	}
	h.status, h.close = code, version[7] == '0'
	h.fields = make([]field, 0, 12)
	for {
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			return h, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !token(name) {
			return h, fmt.Errorf("%w: a line of the head is no field", errUpstream)
		}
		if err := h.add(textproto.CanonicalMIMEHeaderKey(name), strings.Trim(value, " \t")); err != nil {
			return h, err
		}
	}
}

func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return s != ""
}

// add takes what concerns this connection out and keeps the rest.
func (h *head) add(name, value string) error {
	switch name {
	case "Connection":
		for v := range strings.SplitSeq(value, ",") {
			switch v = strings.TrimSpace(v); {
			case strings.EqualFold(v, "close"):
				h.close = true
			case strings.EqualFold(v, "keep-alive"), v == "":
			default:
				h.hop = append(h.hop, textproto.CanonicalMIMEHeaderKey(v))
			}
		}
		return nil
	case "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Upgrade", "Te":
		return nil
	case "Transfer-Encoding":
		if !strings.EqualFold(value, "chunked") {
			return fmt.Errorf("%w: transfer encoding %.40q", errUpstream, value)
		}
		h.chunked = true
		return nil
	case "Content-Length":
		n, err := strconv.ParseUint(value, 10, 62)
		if err != nil || (h.length >= 0 && h.length != int64(n)) {
			return fmt.Errorf("%w: content length %.40q", errUpstream, value)
		}
		if h.length >= 0 {
			return nil
		}
		h.length = int64(n)
	case "Trailer":
		h.declared = true
	}
	h.fields = append(h.fields, field{name, value})
	return nil
}

func (h *head) copyTo(dst http.Header) {
	values := make([]string, len(h.fields)) // one allocation for all
	for i, f := range h.fields {
		if (f.name == "Content-Length" && h.chunked) || slices.Contains(h.hop, f.name) {
			continue
		}
		if old, ok := dst[f.name]; ok {
			dst[f.name] = append(old, f.value)
			continue
		}
		values[i] = f.value
		dst[f.name] = values[i : i+1 : i+1]
	}
}

// arrive waits until there are bytes to read. A stream passes on what it has
// before it waits.
func arrive(w *teeWriter, r *bufio.Reader, stream bool) error {
	if r.Buffered() > 0 {
		return nil
	}
	if stream {
		flush(w)
	}
	_, err := r.Peek(1)
	return err
}

// copyLength passes n bytes on.
func copyLength(w *teeWriter, r *bufio.Reader, n int64, stream bool) error {
	for n > 0 {
		if err := arrive(w, r, stream); err != nil {
			return unexpected(err)
		}
		b, _ := r.Peek(int(min(int64(r.Buffered()), n)))
		if _, err := w.Write(b); err != nil {
			return err
		}
		n -= int64(len(b))
		if _, err := r.Discard(len(b)); err != nil {
			return err
		}
	}
	return nil
}

// copyAll passes on what comes until the server closes.
func copyAll(w *teeWriter, r *bufio.Reader) error {
	for {
		switch err := arrive(w, r, true); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := copyLength(w, r, int64(r.Buffered()), true); err != nil {
			return err
		}
	}
}

// copyChunks passes a chunked body on, and the trailers behind it.
func copyChunks(w *teeWriter, r *bufio.Reader, declared bool) error {
	for {
		if err := arrive(w, r, true); err != nil {
			return unexpected(err)
		}
		size, err := chunkSize(r)
		if err != nil {
			return err
		}
		if size == 0 {
			return trailers(w, r, declared)
		}
		if err := copyLength(w, r, size, true); err != nil {
			return err
		}
		if line, err := r.ReadSlice('\n'); err != nil || len(strings.TrimSpace(string(line))) > 0 {
			return fmt.Errorf("%w: chunk without end", errUpstream)
		}
	}
}

func chunkSize(r *bufio.Reader) (int64, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, unexpected(err)
	}
	text, _, _ := strings.Cut(string(line), ";")
	n, err := strconv.ParseUint(strings.TrimSpace(text), 16, 62)
	if err != nil {
		return 0, fmt.Errorf("%w: chunk size", errUpstream)
	}
	return int64(n), nil
}

func trailers(w *teeWriter, r *bufio.Reader, declared bool) error {
	total := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return unexpected(err)
		}
		if total += len(line); total > maxHead {
			return fmt.Errorf("%w: trailers longer than %d bytes", errUpstream, maxHead)
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			return nil
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok || !token(name) {
			return fmt.Errorf("%w: a trailer is no field", errUpstream)
		}
		flush(w) // trailers need a chunked answer
		name = textproto.CanonicalMIMEHeaderKey(name)
		if !declared {
			name = http.TrailerPrefix + name
		}
		w.Header().Add(name, strings.Trim(value, " \t"))
	}
}

func flush(w *teeWriter) {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
