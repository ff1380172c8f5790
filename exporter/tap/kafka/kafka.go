// Package kafka is the tap for inference that goes through Kafka: Seldon Core
// v2's topics, MLServer's, and gnomon's own record lines.
//
// It is a member of a consumer group. A partition's offset is committed only
// up to the first record whose fate is not yet settled (emitted, or counted as
// dropped), so that a restart or a rebalance loses nothing; what is read twice
// then is told by its id. When the queue is full it stops fetching instead of
// dropping: Kafka keeps what waits.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/gnomon-dev/gnomon/exporter/oip"
	"github.com/gnomon-dev/gnomon/exporter/record"
	"github.com/gnomon-dev/gnomon/exporter/tap/exchange"
	"github.com/gnomon-dev/gnomon/exporter/tap/jsonl"
)

// Name is the tap's name in metrics and records.
const Name = "kafka"

// ErrSettings: the tap cannot be built from what was given.
var ErrSettings = errors.New("kafka settings")

// The reasons of Dropped.
const (
	DroppedPoison   = "poison"          // a value of no form that is known
	DroppedOrphan   = "orphan_request"  // no response within the TTL
	DroppedResponse = "orphan_response" // no request within the TTL
)

// DropReasons lists every reason, for pre-created series.
func DropReasons() []string { return []string{DroppedPoison, DroppedOrphan, DroppedResponse} }

// Observer is told what became of the records.
type Observer interface {
	Dropped(reason string)
	Anomaly(kind string)
}

// Settings is what a Source is made of. Brokers, Topics, Group, Sampler and
// Observer are required.
type Settings struct {
	Brokers    []string
	Topics     []string
	Group      string
	TLS        *tls.Config    // nil: cleartext
	SASL       sasl.Mechanism // nil: none
	DeadLetter string         // topic that poison records are copied to; empty: none
	Sampler    exchange.Sampler
	Observer   Observer
	Full       func() bool   // the queue is full: stop fetching; nil: never
	TTL        time.Duration // that a half waits for the other; 1 min where 0
	MaxPending int           // halves that wait; 10,000 where 0
	MaxBytes   int64         // of the halves that wait; 16 MiB where 0
	FetchBytes int32         // that one fetch may bring; 8 MiB where 0
	// Lag is told, every LagEvery (15 s where 0), how many records of each topic
	// are written and not committed, of the partitions assigned here; nil: nobody.
	Lag      func(topic string, records int64)
	LagEvery time.Duration
	Logger   *slog.Logger
	Now      func() time.Time
	Options  []kgo.Opt // further ones, last
}

// Source implements pipeline.Source.
type Source struct {
	s      Settings
	lines  *jsonl.Decoder
	client *kgo.Client
	joiner *joiner
}

// New returns a Source. It does not connect: brokers that are down, now or
// later, are tried again for ever.
func New(s Settings) (*Source, error) {
	if len(s.Brokers) == 0 || len(s.Topics) == 0 || s.Group == "" || s.Sampler == nil || s.Observer == nil {
		return nil, fmt.Errorf("%w: brokers, topics, group, sampler and observer are required", ErrSettings)
	}
	if s.TTL <= 0 {
		s.TTL = time.Minute
	}
	if s.MaxPending <= 0 {
		s.MaxPending = 10_000
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = 16 << 20
	}
	if s.LagEvery <= 0 {
		s.LagEvery = 15 * time.Second
	}
	if s.FetchBytes <= 0 {
		s.FetchBytes = 8 << 20
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	x := &Source{s: s, lines: jsonl.NewDecoder(Name, s.Observer, s.Now)}
	x.joiner = newJoiner(s.TTL, s.MaxPending, s.MaxBytes, s.Observer)
	options := []kgo.Opt{
		kgo.SeedBrokers(s.Brokers...), kgo.ConsumeTopics(s.Topics...), kgo.ConsumerGroup(s.Group),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.FetchMaxBytes(s.FetchBytes), kgo.FetchMaxPartitionBytes(s.FetchBytes),
		// MLServer's consumer dies of snappy, which is this client's default.
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.OnPartitionsAssigned(x.assigned), kgo.OnPartitionsRevoked(x.revoked), kgo.OnPartitionsLost(x.lost),
	}
	if s.TLS != nil {
		options = append(options, kgo.DialTLSConfig(s.TLS))
	}
	if s.SASL != nil {
		options = append(options, kgo.SASL(s.SASL))
	}
	client, err := kgo.NewClient(append(options, s.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	x.client = client
	return x, nil
}

// Run consumes until ctx ends, then commits what is settled and leaves the
// group. It is called once.
func (x *Source) Run(ctx context.Context, emit func(*record.Capture)) error {
	defer x.client.CloseAllowingRebalance()
	if x.s.Lag != nil {
		watched := make(chan struct{})
		ctx, cancel := context.WithCancel(ctx)
		defer func() { cancel(); <-watched }()
		go func() { defer close(watched); x.watchLag(ctx) }()
	}
	failing := false
	for ctx.Err() == nil {
		if x.s.Full != nil && x.s.Full() {
			x.pause(ctx)
			continue
		}
		poll, cancel := context.WithTimeout(ctx, time.Second)
		fetches := x.client.PollRecords(poll, 1000)
		cancel()
		failing = x.report(fetches, failing)
		fetches.EachRecord(func(r *kgo.Record) { x.take(ctx, r, emit) })
		x.joiner.sweep(x.s.Now())
		x.commit(ctx)
		x.client.AllowRebalance()
	}
	leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := x.client.Flush(leave); err != nil { // dead letters
		x.s.Logger.Debug("dead letters not written", "err", err)
	}
	x.commit(leave)
	return nil
}

// pause waits a moment without polling; what was fetched stays in the client,
// bounded by FetchBytes.
func (x *Source) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

// report logs that fetching fails when it begins to, and that it works again.
func (x *Source) report(fetches kgo.Fetches, failing bool) bool {
	var err error
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			err = e.Err
		}
	}
	switch {
	case err != nil && !failing:
		x.s.Logger.Warn("kafka cannot be read; trying again", "err", err)
	case err == nil && failing && fetches.NumRecords() > 0:
		x.s.Logger.Info("kafka can be read again")
		return false
	}
	return failing || err != nil
}

func (x *Source) take(ctx context.Context, r *kgo.Record, emit func(*record.Capture)) {
	x.joiner.open(r)
	h := read(r)
	switch {
	case h.part == neither:
		x.poison(ctx, r)
	case h.part == both:
		c, err := x.lines.Decode(h.body)
		if err != nil {
			x.poison(ctx, r)
			break
		}
		if x.s.Sampler.Keep(c.Key) {
			x.send(c, emit)
		}
		x.joiner.settle(r)
	case h.id == "" || !x.s.Sampler.Keep(h.id):
		if h.id == "" {
			x.s.Observer.Dropped(DroppedOrphan)
		}
		x.joiner.settle(r)
	default:
		if a, b, ok := x.joiner.join(h, x.s.Now()); ok {
			x.send(capture(a, b), emit)
			x.joiner.settle(a.record)
			x.joiner.settle(b.record)
		}
	}
}

func (x *Source) send(c *record.Capture, emit func(*record.Capture)) {
	if rate := x.s.Sampler.Rate(); rate > 0 {
		c.Weight = 1 / rate
	}
	for i := range c.Records {
		c.Records[i].Weight = c.Weight
	}
	emit(c)
}

// poison passes a record by that nothing can be made of: counted, copied to
// the dead letters where there is a topic for them, and never read again.
func (x *Source) poison(ctx context.Context, r *kgo.Record) {
	x.s.Observer.Dropped(DroppedPoison)
	x.s.Observer.Anomaly(oip.InvalidJSON.String())
	if x.s.DeadLetter != "" {
		dead := &kgo.Record{Topic: x.s.DeadLetter, Key: r.Key, Value: r.Value, Headers: append([]kgo.RecordHeader{{Key: "gnomon-topic", Value: []byte(r.Topic)}}, r.Headers...)}
		x.client.TryProduce(context.WithoutCancel(ctx), dead, func(_ *kgo.Record, err error) {
			if err != nil {
				x.s.Logger.Debug("dead letter not written", "err", err)
			}
		})
	}
	x.joiner.settle(r)
}

// commit commits every partition up to its first record that is not settled.
func (x *Source) commit(ctx context.Context) {
	offsets := x.joiner.offsets()
	if len(offsets) == 0 {
		return
	}
	x.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsgRequest, _ *kmsgResponse, err error) {
		if err != nil {
			x.s.Logger.Debug("offsets not committed; trying with the next", "err", err)
			return
		}
		x.joiner.committed(offsets)
	})
}

func (x *Source) assigned(_ context.Context, _ *kgo.Client, got map[string][]int32) {
	x.joiner.assign(got)
}

func (x *Source) revoked(ctx context.Context, _ *kgo.Client, lost map[string][]int32) {
	x.commit(ctx)
	x.joiner.forget(lost)
}

func (x *Source) lost(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
	x.joiner.forget(lost)
}

// watchLag reports the lag until ctx ends, on its own time: while the queue is
// full nothing is read, and just then the lag is wanted.
func (x *Source) watchLag(ctx context.Context) {
	tick := time.NewTicker(x.s.LagEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ask, cancel := context.WithTimeout(ctx, 10*time.Second)
		lags, err := x.Lag(ask)
		cancel()
		if err != nil {
			x.s.Logger.Debug("the lag is not known", "err", err)
			continue
		}
		for _, topic := range x.s.Topics {
			x.s.Lag(topic, lags[topic]) // 0 where another member has all partitions
		}
	}
}

// Lag is the number of records by topic that are written and not committed, of
// the partitions assigned here.
func (x *Source) Lag(ctx context.Context) (map[string]int64, error) {
	return lag(ctx, x.client, x.positions())
}

// positions is how far the group has come in every partition assigned here: what
// is settled, else what was committed before.
func (x *Source) positions() map[partition]int64 {
	out, committed := x.joiner.read(), x.client.CommittedOffsets()
	for key, at := range out {
		if before, ok := committed[key.topic][key.number]; ok && at < 0 {
			out[key] = before.Offset
		}
		out[key] = max(out[key], 0)
	}
	return out
}
