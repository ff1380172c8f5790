package kafka

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// certificate is one for 127.0.0.1, and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestSecure: TLS with every mechanism; a wrong password and a certificate that
// nobody trusts read nothing, and are said.
func TestSecure(t *testing.T) {
	cert, pool := certificate(t)
	methods := map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"}
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, inputs, outputs, free), kfake.EnableSASL(), kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}})}
	for name, method := range methods {
		options = append(options, kfake.Superuser(method, name, "right"))
	}
	c, err := kfake.NewCluster(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	trusted := &tls.Config{RootCAs: pool}
	mechanism := func(name, password string) Mechanism {
		m, err := NewMechanism(name, name, password)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	p, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.DialTLSConfig(trusted), kgo.SASL(mechanism("plain", "right")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	produce(t, p, free, "", []byte(`{"id":"secret","request":{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}}`))
	for name := range methods {
		o := newObserved()
		_, stop := run(t, c.ListenAddrs(), o, func(s *Settings) { s.Group, s.TLS, s.SASL = name, trusted, mechanism(name, "right") })
		o.wait(t, "the record by "+name, func() bool { return o.captures["secret"] != nil })
		stop()
	}
	for name, change := range map[string]func(*Settings){
		"wrong password": func(s *Settings) { s.TLS, s.SASL = trusted, mechanism("plain", "wrong") },
		"no certificate": func(s *Settings) { s.TLS, s.SASL = &tls.Config{}, mechanism("plain", "right") },
	} {
		o := newObserved()
		_, stop := run(t, c.ListenAddrs(), o, func(s *Settings) { s.Group = "refused"; change(s) })
		time.Sleep(200 * time.Millisecond)
		stop()
		if len(o.captures) > 0 {
			t.Errorf("%s: read all the same", name)
		}
	}
	if _, err := NewMechanism("kerberos", "u", "p"); !errors.Is(err, ErrSettings) {
		t.Errorf("kerberos: %v", err)
	}
}
