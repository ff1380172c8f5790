package labelstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The keys: entries by id; ids and times of arrival by sequence number, which
// is the entries' age; events by sequence number; the checkpoint.
const (
	entryPrefix      = 'p'
	ageEntryPrefix   = 'q'
	eventPrefix      = 'e'
	checkpointPrefix = 'c'
)

// lockFile is ours, not pebble's: it stays locked while pebble is opened again.
const lockFile = "LOCK"

// DiskSettings is what a Disk is made of.
type DiskSettings struct {
	Path   string // folder; made where it is absent
	Limit  int64  // bytes of its files
	Now    func() time.Time
	Logger *slog.Logger
	// fault makes writes fail, in tests.
	fault func() error
}

// Disk is a Store in a folder.
type Disk struct {
	s    DiskSettings
	lock io.Closer // nil until it is ours

	mu       sync.RWMutex // over what follows; Commit is serial
	db       *pebble.DB
	fs       *failStop
	fatal    chan struct{} // closed by pebble's last words
	closed   bool
	last     string // error
	next     uint64 // sequence number of the next entry
	oldest   uint64
	events   uint64 // sequence number of the next event
	restored bool

	usage      atomic.Int64
	compacting atomic.Bool
	compacted  sync.WaitGroup
	backup     sync.Mutex // one at a time
	evicted    atomic.Uint64
	expired    atomic.Uint64
	resets     atomic.Uint64
}

// OpenDisk opens the store in a folder. A folder that is corrupt is put aside
// and a new one begun. Where it cannot be opened (another process uses it, the
// disk does not write) the store is down, says why, and Reopen tries again.
func OpenDisk(s DiskSettings) *Disk {
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Disk{s: s}
	if err := d.Reopen(); err != nil {
		s.Logger.Error("label store does not open; labels are refused until it does, and the models served as ever", "path", s.Path, "error", err)
	}
	return d
}

// acquire takes the folder's lock, unless it is held; d.mu is held.
func (d *Disk) acquire() error {
	if d.lock != nil {
		return nil
	}
	if err := os.MkdirAll(d.s.Path, 0o700); err != nil {
		return err
	}
	lock, err := vfs.Default.Lock(filepath.Join(d.s.Path, lockFile))
	if err != nil {
		return fmt.Errorf("%s is in use by another process, or cannot be locked: %w", d.s.Path, err)
	}
	d.lock = lock
	return nil
}

// Reopen opens a store that is down again, as it was when it went down: what
// was acknowledged is there, and Restore must be called. It does nothing to a
// store that is up.
func (d *Disk) Reopen() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	if d.db != nil && d.fs.broken() == nil {
		return nil
	}
	d.abandon()
	err := d.acquire()
	if err == nil {
		err = d.open()
	}
	if err != nil && pebble.IsCorruptionError(err) {
		if err = d.aside(err); err == nil {
			err = d.open()
		}
	}
	if err != nil {
		d.last = err.Error()
		return fmt.Errorf("%w: %w", ErrDown, err)
	}
	return nil
}

// abandon lets go of a pebble that cannot write any more. It closes in its own
// time, and writes nothing.
func (d *Disk) abandon() {
	db := d.db
	d.db = nil
	if db == nil {
		return
	}
	d.last = d.fs.broken().Error()
	go func() {
		defer func() { _ = recover() }() // it may be in any state
		_ = db.Close()
	}()
}

// aside puts a corrupt folder where somebody can look at it; an older one that
// is there already makes room.
func (d *Disk) aside(cause error) error {
	d.s.Logger.Error("label store is corrupt; it is put aside and a new one begun", "path", d.s.Path, "error", cause)
	to := filepath.Join(d.s.Path, "corrupt")
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(d.s.Path)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() || f.Name() == lockFile { // earlier ones put aside, backups
			continue
		}
		if err := os.Rename(filepath.Join(d.s.Path, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	d.resets.Add(1)
	d.last = "was corrupt and was put aside: " + cause.Error()
	return nil
}

// open opens pebble; d.mu is held.
func (d *Disk) open() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("open label store: %v", r)
		}
	}()
	fs := &failStop{FS: vfs.Default, fault: d.s.fault}
	fatal := make(chan struct{})
	o := &pebble.Options{
		FS: fs, Logger: &quiet{fs: fs, fatal: fatal}, FormatMajorVersion: pebble.FormatNewest,
		MemTableSize: 8 << 20, MemTableStopWritesThreshold: 3, CacheSize: 8 << 20, L0CompactionThreshold: 2, MaxOpenFiles: 200,
		EventListener: &pebble.EventListener{DataCorruption: func(i pebble.DataCorruptionInfo) { fs.trip(fmt.Errorf("%w: %s", pebble.ErrCorruption, i)) }},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(d.s.Path, o)
	if err != nil {
		return err
	}
	if err := fs.broken(); err != nil {
		go db.Close()
		return err
	}
	d.db, d.fs, d.fatal, d.restored = db, fs, fatal, false
	return d.position()
}

// position finds the sequence numbers to go on with.
func (d *Disk) position() error {
	d.next, d.oldest, d.events = 1, 1, 1
	if head, _, err := d.checkpoint(); err != nil {
		return err
	} else if head != nil {
		d.next, d.events = head.entries, head.events
		d.oldest = d.next
	}
	it, err := d.db.NewIter(bounds(ageEntryPrefix))
	if err != nil {
		return err
	}
	if it.First() {
		d.oldest = sequence(it.Key())
	}
	if it.Last() {
		d.next = max(d.next, sequence(it.Key())+1)
	}
	if err := it.Close(); err != nil {
		return err
	}
	if it, err = d.db.NewIter(bounds(eventPrefix)); err != nil {
		return err
	}
	if it.Last() {
		d.events = max(d.events, sequence(it.Key())+1)
	}
	if err := it.Close(); err != nil {
		return err
	}
	d.usage.Store(int64(d.db.Metrics().DiskSpaceUsage()))
	return nil
}

func bounds(prefix byte) *pebble.IterOptions {
	return &pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}}
}

func entryKey(id string) []byte { return append([]byte{entryPrefix}, id...) }

func numbered(prefix byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{prefix}, seq)
}

func sequence(key []byte) uint64 { return binary.BigEndian.Uint64(key[1:]) }

// quiet keeps pebble's words to itself. Its last ones stop the file system and
// end the goroutine that spoke them, not the process.
type quiet struct {
	fs    *failStop
	fatal chan struct{}
	once  sync.Once
}

func (*quiet) Infof(string, ...any)  {}
func (*quiet) Errorf(string, ...any) {}

func (q *quiet) Fatalf(format string, args ...any) {
	q.fs.trip(fmt.Errorf(format, args...))
	q.once.Do(func() { close(q.fatal) })
	exit()
}

// Stats is the store's state.
func (d *Disk) Stats() Stats {
	d.mu.RLock()
	defer d.mu.RUnlock()
	s := Stats{Kind: "disk", Err: d.last, Entries: d.next - d.oldest, Bytes: d.usage.Load(), Limit: d.s.Limit,
		Evicted: d.evicted.Load(), Expired: d.expired.Load(), Resets: d.resets.Load()}
	s.Up = d.db != nil && d.fs.broken() == nil
	if d.db != nil && !s.Up {
		s.Err = d.fs.broken().Error()
	}
	return s
}

// Close waits for a compaction that runs, and closes. The store cannot be
// opened again.
func (d *Disk) Close() error {
	d.compacted.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var err error
	if d.db != nil && d.fs.broken() == nil {
		err = d.call(d.db.Close)
	} else {
		d.abandon()
	}
	d.db = nil
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}
