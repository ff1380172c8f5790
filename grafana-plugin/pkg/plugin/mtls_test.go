package plugin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
)

// authority signs certificates of a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

// issue makes a certificate and its key, PEM; of itself where there is no
// authority yet.
func (a *authority) issue(t *testing.T, name string, serial int64) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: a.cert == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	parent, signer := template, k
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &k.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert == nil {
		if a.cert, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		a.key = k
	}
	raw, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
}

// A Prometheus that asks for a client's certificate gets the one of the
// settings, and refuses who has none.
func TestClientCertificate(t *testing.T) {
	ca := &authority{}
	ca.pem, _ = ca.issue(t, "authority", 1)
	serverCert, serverKey := ca.issue(t, "127.0.0.1", 2)
	clientCert, clientKey := ca.issue(t, "grafana", 3)
	pair, err := tls.X509KeyPair([]byte(serverCert), []byte(serverKey))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	var saw string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		saw = r.TLS.PeerCertificates[0].Subject.CommonName
		says(200, "application/json", `{"status":"success","data":["digits"]}`)(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	ask := func(data string, secure map[string]string) error {
		i, err := New(context.Background(), backend.DataSourceInstanceSettings{URL: s.URL, JSONData: []byte(data), DecryptedSecureJSONData: secure})
		if err != nil {
			return err
		}
		defer i.(*Datasource).Dispose()
		_, err = i.(*Datasource).prometheus.LabelValues(context.Background(), "model", "", noon, noon)
		return err
	}
	if err := ask(`{"tlsAuth":true,"tlsAuthWithCACert":true}`, map[string]string{"tlsCACert": ca.pem, "tlsClientCert": clientCert, "tlsClientKey": clientKey}); err != nil || saw != "grafana" {
		t.Errorf("%v, the server saw %q", err, saw)
	}
	if err := ask(`{"tlsAuthWithCACert":true}`, map[string]string{"tlsCACert": ca.pem}); err == nil {
		t.Error("a client without a certificate is let in")
	}
}
