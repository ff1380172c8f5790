package digits

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
)

//go:embed models/*.onnx
var modelFiles embed.FS

// The models' names. MODEL_CARD.md says what each is and how good.
const (
	FP32  = "digits-fp32"  // the registered model, version 2
	Int8  = "digits-int8"  // its quantised twin: the shadow
	Worse = "digits-worse" // version 3: the silent regression
	V1    = "digits-v1"    // version 1: the wrong version
)

// Model is one ONNX model.
type Model struct {
	Name    string
	Version string
	ONNX    []byte // not to be changed
	Digest  string // "sha256:" and the hexadecimal digest of ONNX
}

// Models are the embedded models by name.
func Models() (map[string]Model, error) {
	out := map[string]Model{}
	for name, version := range map[string]string{FP32: "2", Int8: "2", Worse: "3", V1: "1"} {
		b, err := modelFiles.ReadFile("models/" + name + ".onnx")
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", name, err)
		}
		sum := sha256.Sum256(b)
		out[name] = Model{Name: name, Version: version, ONNX: b, Digest: "sha256:" + hex.EncodeToString(sum[:])}
	}
	return out, nil
}
