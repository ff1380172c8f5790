package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"text/template"
	"time"
)

const (
	keptOutput = 2000             // bytes of a job's output in the audit log
	stopGrace  = 10 * time.Second // between a command's SIGTERM and its end
)

// outcome is what became of a start.
type outcome struct {
	status, attempts int
	exitCode         *int
	output           string
	err              error
}

// perform runs the job, again where a request's answer says that later may do.
func (j *Job) perform(ctx context.Context, client *http.Client, s Start, pause time.Duration) outcome {
	var o outcome
	for attempt := 0; ; attempt++ {
		again := false
		if j.Request != nil {
			again = j.request(ctx, client, s, &o)
		} else {
			j.command(ctx, s, &o)
			again = o.err != nil
		}
		o.attempts = attempt + 1
		if o.err == nil || !again || attempt >= *j.Retries || ctx.Err() != nil {
			return o
		}
		select {
		case <-ctx.Done():
			return o
		case <-time.After(pause << attempt):
		}
	}
}

// command runs the program as it is written: no shell, and nothing of the
// alert among its arguments.
func (j *Job) command(ctx context.Context, s Start, o *outcome) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(j.Timeout))
	defer cancel()
	input, err := json.Marshal(s)
	if err != nil {
		o.err = err
		return
	}
	cmd := exec.CommandContext(ctx, j.Command[0], j.Command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopGrace
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = append(os.Environ(), "GNOMON_JOB="+s.Job, "GNOMON_ALERT="+s.Alert, "GNOMON_MODEL="+s.Labels["model"], "GNOMON_MODEL_VERSION="+s.Labels["model_version"])
	var out tail
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	o.output, o.err, o.exitCode = out.String(), err, nil
	if cmd.ProcessState != nil {
		code := cmd.ProcessState.ExitCode()
		o.exitCode = &code
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		o.err = fmt.Errorf("timed out after %v", time.Duration(j.Timeout))
	}
}

// request posts the body and reports whether another attempt may help.
func (j *Job) request(ctx context.Context, client *http.Client, s Start, o *outcome) (again bool) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(j.Timeout))
	defer cancel()
	o.status, o.output = 0, ""
	body, err := j.Request.render(s)
	if err != nil {
		o.err = err
		return false
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.Request.URL, bytes.NewReader(body))
	if err != nil {
		o.err = err
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "gnomon-hook")
	for k, v := range j.Request.Headers {
		req.Header.Set(k, v)
	}
	if j.Request.TokenFile != "" {
		token, err := secret(j.Request.TokenFile)
		if err != nil {
			o.err = fmt.Errorf("token: %w", err)
			return true
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		o.err = err
		return true
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, keptOutput)) // what is there will do
	o.status, o.output, o.err = resp.StatusCode, strings.ToValidUTF8(string(said), "?"), nil
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		o.err = fmt.Errorf("answer %s", resp.Status)
	}
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout
}

// render makes the JSON body. Templates are filled one text at a time and
// encoded afterwards, so that no label can break out of its place.
func (r *Request) render(s Start) ([]byte, error) {
	body := r.Body
	if body == nil {
		return json.Marshal(s)
	}
	filled, err := fill(body, s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(filled)
}

func fill(v any, s Start) (any, error) {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "{{") {
			return v, nil
		}
		t, err := template.New("body").Option("missingkey=zero").Parse(v)
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		if err := t.Execute(&b, s); err != nil {
			return nil, err
		}
		return b.String(), nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, x := range v {
			filled, err := fill(x, s)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = filled
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			filled, err := fill(x, s)
			if err != nil {
				return nil, fmt.Errorf("[%d]: %w", i, err)
			}
			out[i] = filled
		}
		return out, nil
	case map[any]any:
		return nil, errors.New("a key is no text")
	}
	return v, nil
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > 2*keptOutput {
		t.b = append(t.b[:0], t.b[len(t.b)-keptOutput:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	b := t.b
	if len(b) > keptOutput {
		b = b[len(b)-keptOutput:]
	}
	return strings.ToValidUTF8(string(b), "?")
}
