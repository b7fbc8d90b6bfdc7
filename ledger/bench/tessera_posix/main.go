// Command tessera_posix appends leaves to a Tessera log in POSIX files and says how long it took: a peer of the ledger
// in its benchmark. LEAVES is a file of leaves, each behind its length in four bytes, big-endian.
//
//	tessera_posix -dir DIR -leaves LEAVES [-dedup]
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	antispam "github.com/transparency-dev/tessera/storage/posix/antispam"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

const (
	origin      = "ledger.example/log/bench"
	batch       = 2000 // as many as the ledger's worker puts into a transaction
	inMemory    = 1 << 18
	outstanding = 1 << 16
	interval    = 100 * time.Millisecond
)

type result struct {
	Leaves  int     `json:"leaves"`
	Seconds float64 `json:"seconds"`
}

func main() {
	log.SetFlags(0)
	quiet := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(quiet)
	if err := quiet.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"}); err != nil {
		log.Fatal(err)
	}
	klog.SetOutput(io.Discard)
	dir := flag.String("dir", "", "an empty directory for the log")
	leaves := flag.String("leaves", "", "the file of leaves")
	dedup := flag.Bool("dedup", false, "recognise leaves that are in the log already")
	flag.Parse()
	took, err := run(context.Background(), *dir, *leaves, *dedup)
	if err != nil {
		log.Fatalf("tessera_posix: %v", err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(took); err != nil {
		log.Fatalf("tessera_posix: %v", err)
	}
}

func run(ctx context.Context, dir, file string, dedup bool) (result, error) {
	leaves, err := read(file)
	if err != nil {
		return result{}, err
	}
	private, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return result{}, err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return result{}, err
	}
	driver, err := posix.New(ctx, posix.Config{Path: filepath.Join(dir, "log")})
	if err != nil {
		return result{}, err
	}
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(signer).
		WithBatching(batch, interval).
		WithPushback(outstanding).
		WithCheckpointInterval(interval)
	var indexed tessera.Follower
	if dedup {
		known, err := antispam.NewAntispam(ctx, filepath.Join(dir, "antispam"), antispam.AntispamOpts{})
		if err != nil {
			return result{}, err
		}
		options.WithAntispam(inMemory, known)
		indexed = known.Follower(nil) // asked how far its index is, never run: the appender runs its own
	}
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	end, err := appendAll(ctx, appender, leaves)
	if err != nil {
		return result{}, err
	}
	if err := reached(ctx, reader.IntegratedSize, end); err != nil {
		return result{}, err
	}
	if indexed != nil {
		if err := reached(ctx, indexed.EntriesProcessed, end); err != nil {
			return result{}, err
		}
	}
	took := result{len(leaves), time.Since(began).Seconds()}
	return took, shutdown(ctx)
}

// appendAll returns once every leaf has its place; the size that the tree must reach. A log that pushes back is asked
// again.
func appendAll(ctx context.Context, to *tessera.Appender, leaves [][]byte) (uint64, error) {
	waiting := make([]int, len(leaves))
	for i := range waiting {
		waiting[i] = i
	}
	var end uint64
	for len(waiting) > 0 {
		futures := make([]tessera.IndexFuture, len(waiting))
		for n, i := range waiting {
			futures[n] = to.Add(ctx, tessera.NewEntry(leaves[i]))
		}
		var refused []int
		for n, future := range futures {
			index, err := future()
			if errors.Is(err, tessera.ErrPushback) {
				refused = append(refused, waiting[n])
				continue
			}
			if err != nil {
				return 0, err
			}
			end = max(end, index.Index+1)
		}
		if len(refused) == len(waiting) {
			time.Sleep(time.Millisecond)
		}
		waiting = refused
	}
	return end, nil
}

func reached(ctx context.Context, size func(context.Context) (uint64, error), end uint64) error {
	for {
		now, err := size(ctx)
		if err != nil || now >= end {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func read(file string) ([][]byte, error) {
	opened, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	buffered := bufio.NewReader(opened)
	var leaves [][]byte
	for {
		var size uint32
		if err := binary.Read(buffered, binary.BigEndian, &size); errors.Is(err, io.EOF) {
			return leaves, nil
		} else if err != nil {
			return nil, err
		}
		leaf := make([]byte, size)
		if _, err := io.ReadFull(buffered, leaf); err != nil {
			return nil, err
		}
		leaves = append(leaves, leaf)
	}
}
