// Command push sends one inference to gnomon; it needs nothing but the
// standard library.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
)

type tensor struct {
	Name     string    `json:"name"`
	Shape    []int     `json:"shape"`
	Datatype string    `json:"datatype"`
	Data     []float32 `json:"data"`
}

func main() {
	url := "http://127.0.0.1:9464"
	if v := os.Getenv("GNOMON"); v != "" {
		url = v
	}
	body, err := json.Marshal(map[string]any{"id": "go-1", "model": "digits",
		"request":  map[string]any{"inputs": []tensor{{"image", []int{1, 1, 8, 8}, "FP32", make([]float32, 64)}}},
		"response": map[string]any{"outputs": []tensor{{"logits", []int{1, 10}, "FP32", make([]float32, 10)}}}})
	if err != nil {
		log.Fatal(err)
	}
	resp, err := http.Post(url+"/api/v1/records", "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(os.Stdout, resp.Body); err != nil || resp.StatusCode >= 300 {
		log.Fatal(resp.Status, err)
	}
}
