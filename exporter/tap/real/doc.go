// Package real proves the taps on real model servers with their official
// clients: the same calls directly and through a tap must give the same
// answers, and what was captured must be what was sent. It holds nothing but
// tests; they skip, saying why, where the servers are not installed.
//
// install.sh puts them into Python environments under .cache/real.
package real
