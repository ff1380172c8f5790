package labels

import (
	"bufio"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gnomon-dev/gnomon/exporter/labelstore"
	"github.com/gnomon-dev/gnomon/exporter/record"
)

// crashEnv holds the store's folder in the process that is killed.
const crashEnv = "GNOMON_TEST_LABEL_STORE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		labeller(path)
		os.Exit(1) // it should have been killed
	}
	flag.Int("crashes", 5, "kills of TestKilled")
	flag.Parse()
	os.Exit(m.Run())
}

// kept opens a folder's store with one monitor over it.
func kept(path string) (*Joiner, *Monitor, *labelstore.Disk) {
	m := New(Settings{Model: "m", Version: "1", TTL: 24 * time.Hour, Window: 2000, Keep: 20_000, Complete: .9, Class: func(i int) string { return fmt.Sprint(i) }, Now: time.Now})
	d := labelstore.OpenDisk(labelstore.DiskSettings{Path: path, Limit: 256 << 20, Now: time.Now})
	j := NewJoiner(JoinSettings{Store: d, TTL: 24 * time.Hour, Monitor: func(string, string) *Monitor { return m }, Stranger: func(string) (string, string) { return "m", "1" },
		Checkpoint: 30 * time.Millisecond, Now: time.Now})
	return j, m, d
}

// labeller predicts and labels for ever, and says on standard output what was
// sent and what was acknowledged: "sent 17", "done 17".
func labeller(path string) {
	j, m, d := kept(path)
	if st := d.Stats(); !st.Up {
		fmt.Println("down", st.Err)
		return
	}
	n := int(m.Evaluate().Labels[string(Matched)]) * 10 // ids that no earlier process has used
	fmt.Println("start", n)
	for i := n; ; i++ {
		id := fmt.Sprint(path, "/", n, "/", i)
		j.Predict([]*Prediction{{ID: id, Model: "m", Version: "1", Time: time.Now(), Class: "1", Value: math.NaN(), Confidence: .9}})
		fmt.Println("sent", id)
		for range 2 { // the second is a duplicate
			if errs := j.Label([]record.Label{{ID: id, Class: fmt.Sprint(i % 2)}}); errs[0] != nil {
				fmt.Println("refused", errs[0])
				return
			}
		}
		fmt.Println("done", id)
		if i%16 == 0 {
			j.Maintain()
		}
	}
}

// TestKilled kills a process with kill -9 while it labels, again and again:
// every label that was acknowledged counts, and none counts twice.
// -crashes 50 kills it fifty times.
func TestKilled(t *testing.T) {
	path := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	sent, done := map[string]bool{}, map[string]bool{}
	for range flag.Lookup("crashes").Value.(flag.Getter).Get().(int) {
		killed(t, exe, path, 1+rng.IntN(120), sent, done)
	}
	if len(done) < 50 {
		t.Fatalf("only %d labels were acknowledged", len(done))
	}
	j, m, d := kept(path)
	defer d.Close()
	before := m.Evaluate()
	matched := before.Labels[string(Matched)]
	if matched < uint64(len(done)) || matched > uint64(len(sent)) {
		t.Errorf("%d labels count; %d were acknowledged, %d sent", matched, len(done), len(sent))
	}
	if all := before.LabelClasses["0"] + before.LabelClasses["1"]; all != matched {
		t.Errorf("%d labels by class, %d matched", all, matched)
	}
	var again []record.Label
	for id := range done {
		again = append(again, record.Label{ID: id, Class: fmt.Sprint(int(id[len(id)-1]-'0') % 2)})
	}
	j.Label(again)
	after := m.Evaluate()
	if n := after.Labels[string(Duplicate)] - before.Labels[string(Duplicate)]; n != uint64(len(done)) || after.Labels[string(Matched)] != matched {
		t.Errorf("of %d acknowledged labels sent again %d are duplicates, %d more match", len(done), n, after.Labels[string(Matched)]-matched)
	}
	t.Logf("%d acknowledged, %d sent, %d count", len(done), len(sent), matched)
}

// killed runs a labeller and kills it after so many acknowledgements.
func killed(t *testing.T, exe, path string, after int, sent, done map[string]bool) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), crashEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); {
		what, id, _ := strings.Cut(lines.Text(), " ")
		switch what {
		case "sent":
			sent[id] = true
		case "done":
			done[id] = true
			if n++; n == after {
				_ = cmd.Process.Kill() // SIGKILL; what it wrote before is still read
			}
		case "start":
		default:
			t.Errorf("the labeller says %q", lines.Text())
		}
	}
	_ = cmd.Wait() // killed, as it should
}
