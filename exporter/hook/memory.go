package hook

import (
	"strings"
	"time"
)

// Bounds of what is remembered.
const (
	mostEpisodes = 10_000
	mostGroups   = 10_000
	day          = 24 * time.Hour
)

// memory is which episodes have started a job, and when groups and jobs were
// started. Not safe for concurrent use.
type memory struct {
	episodes map[string]time.Time
	groups   map[string]time.Time // last start, by job and group
	starts   map[string][]time.Time
}

func newMemory() *memory {
	return &memory{episodes: map[string]time.Time{}, groups: map[string]time.Time{}, starts: map[string][]time.Time{}}
}

// refusal says why a start must not be, in one of the audit log's words; ""
// where it may.
func (m *memory) refusal(j *Job, s *Start, now time.Time) string {
	if _, seen := m.episodes[s.episode()]; seen {
		return "duplicate"
	}
	if last, seen := m.groups[groupKey(s)]; seen && now.Sub(last) < time.Duration(j.Every) {
		return "rate_limited"
	}
	n := 0
	for _, t := range m.starts[j.Name] {
		if now.Sub(t) < day {
			n++
		}
	}
	if n >= j.PerDay {
		return "rate_limited"
	}
	return ""
}

// note remembers a start.
func (m *memory) note(s *Start, at time.Time) {
	put(m.episodes, s.episode(), at, mostEpisodes)
	put(m.groups, groupKey(s), at, mostGroups)
	kept := m.starts[s.Job][:0]
	for _, t := range m.starts[s.Job] {
		if at.Sub(t) < day {
			kept = append(kept, t)
		}
	}
	m.starts[s.Job] = append(kept, at)
}

// forget makes a start that has come to nothing possible again when
// Alertmanager repeats the alert. It stays counted in the day's starts.
func (m *memory) forget(s *Start) {
	delete(m.episodes, s.episode())
	delete(m.groups, groupKey(s))
}

func groupKey(s *Start) string { return s.Job + "\x00" + s.group }

// group is the values of the labels that the job is limited by.
func group(j *Job, labels map[string]string) string {
	parts := make([]string, len(j.GroupBy))
	for i, name := range j.GroupBy {
		parts[i] = labels[name]
	}
	return strings.Join(parts, "\x00")
}

// put adds to a bounded map; the oldest entry makes room.
func put(m map[string]time.Time, key string, at time.Time, most int) {
	if _, there := m[key]; !there && len(m) >= most {
		oldest, when := "", time.Time{}
		for k, t := range m {
			if oldest == "" || t.Before(when) {
				oldest, when = k, t
			}
		}
		delete(m, oldest)
	}
	m[key] = at
}
