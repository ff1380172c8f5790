// Package page is the built-in page at /: what a person looks at first. Its
// assets are embedded, so that it works without the internet.
package page

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed dist
var dist embed.FS

// New returns the handler of the page and its assets.
func New() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return http.NotFoundHandler() // cannot be: the folder is embedded
	}
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}

// Asset is one of the page's files, for documents that carry it inside.
func Asset(name string) ([]byte, error) { return dist.ReadFile("dist/" + name) }
