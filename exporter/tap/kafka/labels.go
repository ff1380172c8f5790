package kafka

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"

	"github.com/gnomon-dev/gnomon/exporter/label"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// LabelSettings is what a LabelSource is made of. Brokers, Topics, Group and
// Accept are required.
type LabelSettings struct {
	Brokers    []string
	Topics     []string
	Group      string
	TLS        *tls.Config
	SASL       sasl.Mechanism
	DeadLetter string // topic that records are copied to which are no labels; empty: none
	// Accept takes labels and returns, of each that it did not, why; those are
	// read again.
	Accept   func([]record.Label) []error
	Rejected func() // is told of every record or line that is no label
	Logger   *slog.Logger
	Options  []kgo.Opt // further ones, last
}

// LabelSource reads labels from topics: a record's value is a label, an array,
// JSON Lines or CSV, as package label reads them. Offsets are committed once
// the labels are on the disk; what is read twice then is told as a duplicate.
type LabelSource struct {
	s      LabelSettings
	client *kgo.Client
}

// NewLabels returns a LabelSource. It does not connect: brokers that are down
// are tried again for ever.
func NewLabels(s LabelSettings) (*LabelSource, error) {
	if len(s.Brokers) == 0 || len(s.Topics) == 0 || s.Group == "" || s.Accept == nil {
		return nil, fmt.Errorf("%w: brokers, topics, group and accept are required", ErrSettings)
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	if s.Rejected == nil {
		s.Rejected = func() {}
	}
	options := []kgo.Opt{kgo.SeedBrokers(s.Brokers...), kgo.ConsumeTopics(s.Topics...), kgo.ConsumerGroup(s.Group),
		kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.FetchMaxBytes(8 << 20), kgo.FetchMaxPartitionBytes(8 << 20),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		// A new group begins with what is there: labels are late by nature.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
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
	return &LabelSource{s, client}, nil
}

// Run consumes until ctx ends. It is called once.
func (x *LabelSource) Run(ctx context.Context) error {
	defer x.client.CloseAllowingRebalance()
	failing := false
	for ctx.Err() == nil {
		poll, cancel := context.WithTimeout(ctx, time.Second)
		fetches := x.client.PollRecords(poll, 1000)
		cancel()
		for _, e := range fetches.Errors() {
			if !failing && !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
				failing = true
				x.s.Logger.Warn("labels cannot be read from kafka; trying again", "err", e.Err)
			}
		}
		if records := fetches.Records(); len(records) > 0 {
			failing = false
			if x.take(ctx, records) {
				if err := x.client.CommitRecords(ctx, records...); err != nil {
					x.s.Logger.Debug("offsets not committed; trying with the next", "err", err)
				}
			}
		}
		x.client.AllowRebalance()
	}
	return nil
}

// take hands labels over until they are taken; false where ctx ended before.
func (x *LabelSource) take(ctx context.Context, records []*kgo.Record) bool {
	var list []record.Label
	for _, r := range records {
		err := label.Read(bytes.NewReader(r.Value), label.Auto, func(_ int, l record.Label, err error) {
			if err != nil {
				x.refuse(ctx, r)
				return
			}
			list = append(list, l)
		})
		if err != nil {
			x.refuse(ctx, r)
		}
	}
	for told := false; ; told = true {
		var again []record.Label
		var why error
		for i, err := range x.s.Accept(list) {
			if err != nil {
				again, why = append(again, list[i]), err
			}
		}
		if len(again) == 0 {
			return true
		}
		if list = again; !told {
			x.s.Logger.Warn("labels are not taken; kafka keeps them meanwhile", "err", why)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Second):
		}
	}
}

func (x *LabelSource) refuse(ctx context.Context, r *kgo.Record) {
	x.s.Rejected()
	if x.s.DeadLetter == "" {
		return
	}
	dead := &kgo.Record{Topic: x.s.DeadLetter, Key: r.Key, Value: r.Value, Headers: append([]kgo.RecordHeader{{Key: "gnomon-topic", Value: []byte(r.Topic)}}, r.Headers...)}
	x.client.TryProduce(context.WithoutCancel(ctx), dead, func(_ *kgo.Record, err error) {
		if err != nil {
			x.s.Logger.Debug("dead letter not written", "err", err)
		}
	})
}
