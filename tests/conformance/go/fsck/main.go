// Command fsck checks a whole tlog-tiles log with Tessera's library, and exits 1 when anything is wrong with it.
// (Tessera's own command of that name exits 0 on every failure.)
package main

import (
	"context"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"net/url"
	"os"
	"strings"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
)

func main() {
	log.SetFlags(0)
	target := flag.String("log", "", "the log: a directory, or its http:// prefix")
	keyFile := flag.String("key", "", "file with the log's verifier key")
	origin := flag.String("origin", "", "the log's origin, the key's name unless given")
	bearer := flag.String("bearer-file", "", "file with a bearer token for an http:// log")
	flag.Parse()
	if err := check(*target, *keyFile, *origin, *bearer); err != nil {
		log.Fatalf("fsck: %v", err)
	}
}

func check(target, keyFile, origin, bearer string) error {
	vkey, err := os.ReadFile(keyFile)
	if err != nil {
		return err
	}
	verifier, err := fnote.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		return err
	}
	if origin == "" {
		origin = verifier.Name()
	}
	fetcher, err := open(target, bearer)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := fsck.New(origin, verifier, fetcher, leafHashes, fsck.Opts{N: 1}).Check(ctx); err != nil {
		return err
	}
	checkpoint, _, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, origin)
	if err != nil {
		return err
	}
	fmt.Printf("ok size %d root %s\n", checkpoint.Size, hex.EncodeToString(checkpoint.Hash))
	return nil
}

func open(target, bearer string) (fsck.Fetcher, error) {
	if !strings.HasPrefix(target, "http://") {
		return &client.FileFetcher{Root: target}, nil
	}
	prefix, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewHTTPFetcher(prefix, nil)
	if err != nil {
		return nil, err
	}
	if bearer != "" {
		token, err := os.ReadFile(bearer)
		if err != nil {
			return nil, err
		}
		fetcher.SetAuthorizationHeader("Bearer " + strings.TrimSpace(string(token)))
	}
	return fetcher, nil
}

func leafHashes(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(entries.Entries))
	for _, leaf := range entries.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(leaf))
	}
	return hashes, nil
}
