package plugin

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/gnomon-dev/gnomon/grafana-plugin/pkg/upstream"
)

// held is the reference side of a query, resolved.
type held struct {
	kind     string
	from, to time.Time     // of an earlier range
	offset   time.Duration // of kind offset
	words    string        // "the training profile", "2026-03-01 12:00 to ..."
}

// resolve says what the panel's range is held against.
func (in *input) resolve(ctx context.Context) (held, error) {
	switch in.Reference.Kind {
	case "", "training":
		return held{kind: "training", words: "the training profile"}, nil
	case "offset":
		offset, err := in.parseDuration("reference.offset", in.Reference.Offset)
		if err != nil {
			return held{}, err
		}
		return earlier("offset", in.from.Add(-offset), in.to.Add(-offset), offset), nil
	case "before_change":
		at, err := in.lastChange(ctx)
		if err != nil {
			return held{}, err
		}
		span := in.span()
		if at.After(in.from) && at.Before(in.to) {
			// The change lies in the panel's range: what is held against the time
			// before it is the time since.
			in.notice(data.NoticeSeverityInfo, "The model changed at %s: shown is what came since, against the %s before.", at.Format(time.DateTime), span)
			in.from = at
		}
		return earlier("before_change", at.Add(-span), at, 0), nil
	case "range":
		from, err := parseMoment("reference.from", in.Reference.From)
		if err != nil {
			return held{}, err
		}
		to, err := parseMoment("reference.to", in.Reference.To)
		if err != nil {
			return held{}, err
		}
		if !to.After(from) {
			return held{}, bad("reference.to: %s is not after %s", in.Reference.To, in.Reference.From)
		}
		return earlier("range", from, to, 0), nil
	}
	return held{}, bad("reference.kind: %.50q is none of training, offset, before_change, range", in.Reference.Kind)
}

func earlier(kind string, from, to time.Time, offset time.Duration) held {
	const layout = "2006-01-02 15:04:05"
	return held{kind, from, to, offset, from.UTC().Format(layout) + " to " + to.UTC().Format(layout) + " UTC"}
}

func parseMoment(field, text string) (time.Time, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.UnixMilli(ms).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, bad("%s: %.50q is no time; write it as RFC 3339, such as 2026-03-01T12:00:00Z", field, text)
	}
	return t, nil
}

// lastChange is when what the primary serves changed last, up to the range's
// end.
func (in *input) lastChange(ctx context.Context) (time.Time, error) {
	sel := in.sel.Without("feature", "reference", "bin", "shadow")
	expr := fmt.Sprintf("max(max_over_time(%s[%s]) <= %d)", sel.Of("gnomon_model_last_change_timestamp_seconds"), promDuration(max(in.span(), time.Hour)), in.to.Unix())
	a, err := in.ask(ctx, expr, in.to)
	if err != nil {
		return time.Time{}, err
	}
	if len(a.Series) == 0 || a.Series[0].Last() <= 0 {
		return time.Time{}, &upstream.Fault{Kind: upstream.NoTargets, Upstream: "a model change", Detail: "no change of the selected models is known", Fix: "choose another reference, such as the day before"}
	}
	return time.UnixMilli(int64(a.Series[0].Last() * 1000)).UTC(), nil
}

// reference counts the reference side's rows. Design effects come from the
// training profile also where the reference is an earlier range: both ranges
// are as dependent as the reference's own windows were.
func (in *input) reference(ctx context.Context, h held) (*training, error) {
	t, err := in.training(ctx, in.from, in.to)
	if err != nil || h.kind == "training" {
		return t, err
	}
	rows, err := in.rows(ctx, h.from, h.to)
	if err != nil {
		return nil, err
	}
	return &training{rows, t.effects}, nil
}
