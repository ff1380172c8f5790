package source

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// Signature is what a model must be signed with before it is loaded: what
// `cosign sign-blob --key` writes, checked offline against the public key.
type Signature struct {
	Key string // PEM file of the public key: ECDSA, Ed25519 or RSA
	// File is the signature or cosign bundle, a path or URL; "" is the
	// model's own path or URL with ".sig" behind it.
	File string
}

const mostSignature = 1 << 20

// Verify reads key and signature and checks them against the model's .onnx
// file. Only that file is signed: external weights are named, with their
// digest, by Weights, and a model with such files is refused here.
func (s *Signature) Verify(ctx context.Context, m Model, client *http.Client) error {
	if len(m.Files) > 1 {
		return fmt.Errorf("%w: the model keeps weights in %d files of their own, which its signature does not cover; fix: save it as one .onnx file", ErrSignature, len(m.Files)-1)
	}
	key, err := readKey(s.Key)
	if err != nil {
		return err
	}
	where := s.File
	switch {
	case where != "":
	case isHTTP(m.Origin):
		where = m.Origin + ".sig"
	default:
		where = m.Path + ".sig"
	}
	data, err := readAny(ctx, where, client)
	if err != nil {
		return fmt.Errorf("%w: signature %s: %w", ErrSignature, redact(where), err)
	}
	sig, err := decodeSignature(data)
	if err != nil {
		return fmt.Errorf("%w: signature %s: %w", ErrSignature, redact(where), err)
	}
	// The bytes that are checked are those of m.Digest, which the engine holds
	// its own reading to: a file swapped in between is loaded by nobody.
	data, err = os.ReadFile(m.Path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOrigin, err)
	}
	if sum := sha256.Sum256(data); "sha256:"+hex.EncodeToString(sum[:]) != m.Digest {
		return fmt.Errorf("%w: %s changed while its signature was checked", ErrOrigin, m.Origin)
	}
	if err := check(key, data, sig); err != nil {
		return fmt.Errorf("%w: %s is not what the holder of %s signed: %w", ErrSignature, m.Origin, s.Key, err)
	}
	return nil
}

func readKey(path string) (crypto.PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %w", ErrSignature, err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("%w: %s is no PEM public key; fix: give the cosign.pub of the key pair", ErrSignature, path)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrSignature, path, err)
	}
	return key, nil
}

func readAny(ctx context.Context, where string, client *http.Client) ([]byte, error) {
	if !isHTTP(where) {
		f, err := os.Open(where)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return io.ReadAll(io.LimitReader(f, mostSignature))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, redactError(err)
	}
	defer drain(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s", resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, mostSignature))
}

// decodeSignature reads cosign's three forms: base64 alone, its own bundle
// ("base64Signature") and Sigstore's ("messageSignature").
func decodeSignature(data []byte) ([]byte, error) {
	text := strings.TrimSpace(string(data))
	if strings.HasPrefix(text, "{") {
		var b struct {
			Old     string `json:"base64Signature"`
			Message struct {
				Signature string `json:"signature"`
			} `json:"messageSignature"`
		}
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return nil, fmt.Errorf("bundle: %w", err)
		}
		text = b.Old
		if text == "" {
			text = b.Message.Signature
		}
	}
	sig, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sig) == 0 {
		return nil, fmt.Errorf("no base64 signature and no cosign bundle")
	}
	return sig, nil
}

// check verifies a signature over SHA-256 of the blob (ECDSA, RSA), or over
// the blob itself (Ed25519), as cosign makes them.
func check(key crypto.PublicKey, blob, sig []byte) error {
	sum := sha256.Sum256(blob)
	switch k := key.(type) {
	case ed25519.PublicKey:
		if !ed25519.Verify(k, blob, sig) {
			return fmt.Errorf("the Ed25519 signature is wrong")
		}
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(k, sum[:], sig) {
			return fmt.Errorf("the ECDSA signature is wrong")
		}
	case *rsa.PublicKey:
		if err := rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig); err != nil {
			return fmt.Errorf("the RSA signature is wrong")
		}
	default:
		return fmt.Errorf("keys of type %T are not read; fix: use ECDSA, Ed25519 or RSA", key)
	}
	return nil
}
