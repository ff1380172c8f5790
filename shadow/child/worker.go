package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/gnomon-dev/gnomon/shadow"
)

// socketFD is the child's end of the socket pair.
const socketFD = 3

// hello is the child's answer to its specification.
type hello struct {
	Model shadow.Model `json:"model"`
	Error string       `json:"error,omitempty"`
}

// ServeInherited is a worker's whole life: it serves the socket that its
// parent handed over until the parent closes it.
func ServeInherited(open func(spec json.RawMessage) (shadow.Engine, error)) error {
	socket := os.NewFile(socketFD, "gnomon-parent")
	if socket == nil {
		return errors.New("no socket from a parent: this command is started by gnomon itself")
	}
	defer socket.Close()
	return Serve(socket, open)
}

// Serve answers the requests that come over conn with the engine that open
// makes of the parent's specification. Requests run concurrently, as far as the
// engine lets them. It returns nil when the parent has closed the connection.
func Serve(conn io.ReadWriter, open func(spec json.RawMessage) (shadow.Engine, error)) error {
	_, spec, err := readFrame(conn, &buffers{})
	if err != nil {
		return fmt.Errorf("read specification: %w", err)
	}
	engine, err := open(spec)
	greeting := hello{Error: errorText(err)}
	if err == nil {
		defer engine.Close()
		greeting.Model = engine.Model()
	}
	if sendErr := sendJSON(conn, greeting); sendErr != nil || err != nil {
		return errors.Join(err, sendErr)
	}
	w := &worker{engine: engine, conn: conn}
	return w.loop()
}

func sendJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	e := &encoder{small: b}
	return e.writeTo(w, 0)
}

type worker struct {
	engine  shadow.Engine
	conn    io.ReadWriter
	bodies  buffers
	writing sync.Mutex
	running sync.WaitGroup
}

func (w *worker) loop() error {
	ctx, cancel := context.WithCancel(context.Background())
	defer w.running.Wait()
	defer cancel()
	for {
		id, body, err := readFrame(w.conn, &w.bodies)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		batch, err := decodeSamples(body)
		if err != nil {
			return err
		}
		w.running.Go(func() {
			w.answer(ctx, id, batch)
			w.bodies.give(body) // the batch lay in it; the results are on their way
		})
	}
}

func (w *worker) answer(ctx context.Context, id uint64, batch []shadow.Sample) {
	results, err := w.engine.Infer(ctx, batch)
	e := &encoder{}
	e.results(results, err)
	w.writing.Lock()
	defer w.writing.Unlock()
	_ = e.writeTo(w.conn, id) // the parent has gone: the next read ends the loop
}
