// Command tlogcheck asks golang.org/x/mod/sumdb and filippo.io/torchwood about notes, checkpoints and proofs.
//
// It reads a JSON array of checks and writes a JSON array of answers in the same order; an empty error means that
// the other side accepts what it was shown.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type check struct {
	Kind    string      `json:"kind"`
	Key     string      `json:"key"`
	Text    string      `json:"text"`
	Leaf    []byte      `json:"leaf"`
	Old     int64       `json:"old"`
	Size    int64       `json:"size"`
	Index   int64       `json:"index"`
	Proof   []tlog.Hash `json:"proof"`
	OldRoot tlog.Hash   `json:"old_root"`
	Root    tlog.Hash   `json:"root"`
}

type answer struct {
	Error string `json:"error"`
	Text  string `json:"text,omitempty"`
}

func main() {
	log.SetFlags(0)
	var checks []check
	if err := json.NewDecoder(os.Stdin).Decode(&checks); err != nil {
		log.Fatal(err)
	}
	answers := make([]answer, len(checks))
	for i, c := range checks {
		text, err := c.run()
		answers[i].Text = text
		if err != nil {
			answers[i].Error = err.Error()
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

// run panics never: the library's own panics on impossible sizes are errors here.
func (c check) run() (text string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	switch c.Kind {
	case "inclusion":
		return "", tlog.CheckRecord(tlog.RecordProof(c.Proof), c.Size, c.Root, c.Index, tlog.RecordHash(c.Leaf))
	case "consistency":
		return "", tlog.CheckTree(tlog.TreeProof(c.Proof), c.Size, c.Root, c.Old, c.OldRoot)
	case "sign":
		signer, err := note.NewSigner(c.Key)
		if err != nil {
			return "", err
		}
		signed, err := note.Sign(&note.Note{Text: c.Text}, signer)
		return string(signed), err
	case "open":
		verifier, err := note.NewVerifier(c.Key)
		if err != nil {
			return "", err
		}
		return open(c.Text, verifier)
	case "open-cosigned":
		verifier, err := torchwood.NewCosignatureVerifier(c.Key)
		if err != nil {
			return "", err
		}
		return open(c.Text, verifier)
	case "checkpoint":
		checkpoint, err := torchwood.ParseCheckpoint(c.Text)
		return checkpoint.String(), err
	case "tlog-proof":
		verifier, err := note.NewVerifier(c.Key)
		if err != nil {
			return "", err
		}
		policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(verifier.Name()), torchwood.SingleVerifierPolicy(verifier))
		return "", torchwood.VerifyProof(policy, tlog.RecordHash(c.Leaf), []byte(c.Text))
	}
	return "", fmt.Errorf("unknown kind %q", c.Kind)
}

func open(text string, verifier note.Verifier) (string, error) {
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return "", err
	}
	return opened.Text, nil
}
