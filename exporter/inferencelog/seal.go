package inferencelog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
)

// ErrKey: a file that cannot be encrypted or decrypted with the keys at hand.
var ErrKey = errors.New("inference log encryption")

// Seal encrypts files with age (age-encryption.org/v1): to write, a public key
// is enough, so that a sidecar need not be able to read what it has written.
// The nil Seal writes files as they are.
type Seal struct {
	recipients []age.Recipient
	identities []age.Identity
}

// NewSeal reads a file of recipients (age1... a line, as age-keygen -y prints
// them) and a file of identities (AGE-SECRET-KEY-1... a line). One of the two
// may be empty: without recipients the identities' own are taken, without
// identities nothing can be read, and so nothing be deleted by id.
func NewSeal(recipientsFile, identityFile string) (*Seal, error) {
	if recipientsFile == "" && identityFile == "" {
		return nil, nil
	}
	s := &Seal{}
	if identityFile != "" {
		b, err := os.ReadFile(identityFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		if s.identities, err = age.ParseIdentities(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("%w: %s holds no identity, AGE-SECRET-KEY-1... (age-keygen makes one)", ErrKey, identityFile)
		}
	}
	if recipientsFile != "" {
		b, err := os.ReadFile(recipientsFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrKey, err)
		}
		if s.recipients, err = age.ParseRecipients(bytes.NewReader(b)); err != nil {
			return nil, fmt.Errorf("%w: %s holds no recipient, age1... (age-keygen -y prints one): %w", ErrKey, recipientsFile, err)
		}
		return s, nil
	}
	for _, i := range s.identities {
		if x, ok := i.(interface{ Recipient() *age.X25519Recipient }); ok {
			s.recipients = append(s.recipients, x.Recipient())
		}
	}
	if len(s.recipients) == 0 {
		return nil, fmt.Errorf("%w: %s holds no X25519 identity; name a file of recipients too", ErrKey, identityFile)
	}
	return s, nil
}

// suffix is that of the files.
func (s *Seal) suffix() string {
	if s == nil {
		return parquetSuffix
	}
	return sealedSuffix
}

// writer encrypts what is written to it; it must be closed.
func (s *Seal) writer(w io.Writer) (io.WriteCloser, error) {
	if s == nil {
		return nopCloser{w}, nil
	}
	return age.Encrypt(w, s.recipients...)
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// open decrypts a file's bytes.
func (s *Seal) open(b []byte) ([]byte, error) {
	if s == nil || len(s.identities) == 0 {
		return nil, fmt.Errorf("%w: an identity is needed to read it", ErrKey)
	}
	r, err := age.Decrypt(bytes.NewReader(b), s.identities...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return out, nil
}
