// Package labelstore keeps what waits for late labels: entries by id, oldest
// out first, bounded in number, bytes and age; a log of what became of them;
// and a checkpoint, so that whoever folds the log into counters and windows
// finds them again after a restart.
//
// It knows nothing of labels: ids, values and events are bytes. Memory lives
// in this process alone; Disk is pebble (a log-structured merge tree) in a
// folder. What was committed when Sync returned is there after kill -9;
// batches are there wholly or not at all.
//
// The store never harms what runs beside it. A disk that is full, or a file
// that cannot be read, stops the store at that moment as a power cut would:
// from then on it refuses, with ErrDown, and tries to open again by itself. A
// folder that is corrupt is put aside, never deleted at once, and a new one
// begun.
package labelstore

import (
	"errors"
	"time"
)

// Errors of a store.
var (
	// ErrDown: the store refuses until it can write again. Nothing of the
	// batch was kept; try later.
	ErrDown = errors.New("label store is down")
	// ErrFull: there is no room for new entries within the bound; what is there
	// already can still be changed.
	ErrFull = errors.New("label store is full")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("label store is closed")
)

// Put writes an entry.
type Put struct {
	ID    string
	Value []byte
	// New: the entry is not there yet; it becomes the youngest. Otherwise its
	// value is replaced and its age stays.
	New bool
}

// Batch is what one Commit changes, wholly or not at all.
type Batch struct {
	Puts   []Put
	Events [][]byte // appended to the log in order
}

// Stats is a store's state.
type Stats struct {
	Kind    string // memory, disk
	Up      bool
	Err     string // why it is not, or what happened last
	Entries uint64
	Bytes   int64 // that it takes: of values in memory, of files on disk
	Limit   int64
	Evicted uint64 // entries removed for room, before their age, since start
	Expired uint64 // entries removed for their age, since start
	Resets  uint64 // times that a corrupt folder was put aside, since start
}

// Store is what Memory and Disk have in common; both are safe for concurrent
// use. Values are the caller's to keep.
type Store interface {
	// Get is an entry's value; nil where there is none.
	Get(id string) ([]byte, error)
	// Commit changes the store. Until Sync has returned, a batch may be lost
	// with the process, but never a part of it and never before a batch that was
	// committed earlier.
	Commit(Batch) error
	// Sync returns when everything committed survives the end of the process
	// and of the machine.
	Sync() error
	// Reopen opens a store that is down; Restore must follow.
	Reopen() error
	// Checkpoint keeps state and forgets the events so far: state must hold
	// what they said.
	Checkpoint(state []byte) error
	// Restore hands over the last checkpoint's state (nil where there is none),
	// then every entry that was put as new after it, then every event after it,
	// oldest first. It is called before anything else.
	Restore(state func([]byte) error, entry func(id string, value []byte) error, event func([]byte) error) error
	// Delete removes the entries whose ids begin with prefix and match, from the
	// files, too. Events that name them are the caller's: a checkpoint forgets
	// those.
	Delete(prefix string, match func(id string) bool) (removed int, err error)
	// Expire removes entries that came before the time.
	Expire(before time.Time) error
	Stats() Stats
	// Backup copies the store into a folder that must not exist, while it goes
	// on working.
	Backup(folder string) error
	Close() error
}
