package kafka

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type (
	kmsgRequest  = kmsg.OffsetCommitRequest
	kmsgResponse = kmsg.OffsetCommitResponse
)

// joiner pairs the halves of exchanges and knows which records are settled.
// Safe for concurrent use: rebalances come from the client's goroutines.
type joiner struct {
	ttl      time.Duration
	limit    int   // of halves that wait
	bytes    int64 // and of their bodies together
	observer Observer

	mu         sync.Mutex
	pending    map[string]*list.Element // by id
	oldest     *list.List               // of *waiting, in the order of arrival
	held       int64                    // bytes that wait
	partitions map[partition]*progress
	assigned   map[partition]bool
}

type partition struct {
	topic  string
	number int32
}

// progress is how far a partition was read.
type progress struct {
	open      map[int64]bool // offsets not settled
	next      int64          // behind the last record read
	epoch     int32
	committed int64
}

type waiting struct {
	half
	since time.Time
}

func newJoiner(ttl time.Duration, limit int, bytes int64, o Observer) *joiner {
	return &joiner{ttl: ttl, limit: limit, bytes: bytes, observer: o, pending: map[string]*list.Element{}, oldest: list.New(), partitions: map[partition]*progress{}, assigned: map[partition]bool{}}
}

// open notes that a record was read and is not settled.
func (j *joiner) open(r *kgo.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := partition{r.Topic, r.Partition}
	p := j.partitions[key]
	if p == nil {
		p = &progress{open: map[int64]bool{}, committed: -1}
		j.partitions[key] = p
	}
	p.open[r.Offset] = true
	p.next, p.epoch = r.Offset+1, r.LeaderEpoch
}

func (j *joiner) settle(r *kgo.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.settled(r)
}

func (j *joiner) settled(r *kgo.Record) {
	if p := j.partitions[partition{r.Topic, r.Partition}]; p != nil {
		delete(p.open, r.Offset)
	}
}

// join returns the pair that a half completes; ok is false where it waits.
func (j *joiner) join(h half, now time.Time) (a, b half, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e, found := j.pending[h.id]; found {
		other := e.Value.(*waiting)
		if other.part != h.part {
			j.remove(e)
			if h.part == response {
				return other.half, h, true
			}
			return h, other.half, true
		}
		// The same half again, as after a restart: the newer one waits.
		j.remove(e)
		j.settled(other.record)
	}
	for len(j.pending) > 0 && (len(j.pending) >= j.limit || j.held+int64(len(h.body)) > j.bytes) {
		j.drop(j.oldest.Front())
	}
	j.held += int64(len(h.body))
	j.pending[h.id] = j.oldest.PushBack(&waiting{h, now})
	return half{}, half{}, false
}

func (j *joiner) remove(e *list.Element) {
	w := e.Value.(*waiting)
	j.oldest.Remove(e)
	j.held -= int64(len(w.body))
	delete(j.pending, w.id)
}

func (j *joiner) drop(e *list.Element) {
	w := e.Value.(*waiting)
	j.remove(e)
	j.settled(w.record)
	if w.part == response {
		j.observer.Dropped(DroppedResponse)
	} else {
		j.observer.Dropped(DroppedOrphan)
	}
}

// sweep drops the halves that have waited too long.
func (j *joiner) sweep(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for front := j.oldest.Front(); front != nil && now.Sub(front.Value.(*waiting).since) >= j.ttl; front = j.oldest.Front() {
		j.drop(front)
	}
}

// offsets is what can be committed and is not: up to the first record that is
// open, or behind the last one.
func (j *joiner) offsets() map[string]map[int32]kgo.EpochOffset {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[string]map[int32]kgo.EpochOffset{}
	for key, p := range j.partitions {
		at := p.settled()
		if at == p.committed {
			continue
		}
		if out[key.topic] == nil {
			out[key.topic] = map[int32]kgo.EpochOffset{}
		}
		out[key.topic][key.number] = kgo.EpochOffset{Epoch: p.epoch, Offset: at}
	}
	return out
}

func (j *joiner) committed(offsets map[string]map[int32]kgo.EpochOffset) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for topic, numbers := range offsets {
		for number, at := range numbers {
			if p := j.partitions[partition{topic, number}]; p != nil {
				p.committed = at.Offset
			}
		}
	}
}

// forget drops what belongs to partitions that are another member's now: it
// will read their open records again, so they are no loss.
func (j *joiner) forget(lost map[string][]int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	gone := map[partition]bool{}
	for topic, numbers := range lost {
		for _, n := range numbers {
			gone[partition{topic, n}] = true
			delete(j.partitions, partition{topic, n})
			delete(j.assigned, partition{topic, n})
		}
	}
	for e := j.oldest.Front(); e != nil; {
		next := e.Next()
		if r := e.Value.(*waiting).record; gone[partition{r.Topic, r.Partition}] {
			j.remove(e)
		}
		e = next
	}
}

func (j *joiner) assign(got map[string][]int32) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for topic, numbers := range got {
		for _, n := range numbers {
			j.assigned[partition{topic, n}] = true
		}
	}
}

// read is, of every partition assigned here, the first record that is not
// settled; -1 where none was read yet.
func (j *joiner) read() map[partition]int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[partition]int64{}
	for key := range j.assigned {
		out[key] = -1
		if p := j.partitions[key]; p != nil {
			out[key] = p.settled()
		}
	}
	return out
}

// settled is the first offset that is open, or the one behind the last read.
func (p *progress) settled() int64 {
	at := p.next
	for offset := range p.open {
		at = min(at, offset)
	}
	return at
}

// lag asks the brokers for the ends of the partitions.
func lag(ctx context.Context, client *kgo.Client, read map[partition]int64) (map[string]int64, error) {
	topics := map[string][]kmsg.ListOffsetsRequestTopicPartition{}
	for key := range read {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = key.number, -1 // the end
		topics[key.topic] = append(topics[key.topic], p)
	}
	total := map[string]int64{}
	if len(topics) == 0 {
		return total, nil
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	for topic, partitions := range topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic, t.Partitions = topic, partitions
		request.Topics = append(request.Topics, t)
	}
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, fmt.Errorf("ask for the ends of partitions: %w", shard.Err)
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode == 0 {
					total[t.Topic] += max(0, p.Offset-read[partition{t.Topic, p.Partition}])
				}
			}
		}
	}
	return total, nil
}
