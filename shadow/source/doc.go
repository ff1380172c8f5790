// Package source finds a model where its owner keeps it: a file, a folder in
// KServe's or Triton's layout, a web server or presigned URL, an MLflow
// registry. Open tells them apart by the reference that the user wrote; Fetch
// brings a copy that does not change under the engine, with its digest, and
// says which version it is.
//
// What comes over a network lies in a cache, by digest. An origin that does
// not answer is no reason to be blind: the last good copy is used, and Model
// says so (Stale).
package source
