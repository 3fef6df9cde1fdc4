package sqlserver

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// seal keeps parked changes from who may read our tables and has no ledger key. A
// nil seal leaves them in clear.
type seal struct {
	aead  cipher.AEAD
	names []byte // the key of the hashes that name what is touched
	id    string // tells the key from others; 16 hexadecimal digits
}

// newSeal derives a seal from the ledger key, nil where there is none.
func newSeal(key []byte) (*seal, error) {
	if len(key) == 0 {
		return nil, nil
	}
	derived := make([][]byte, 3)
	for i, use := range []string{"syncback parked pieces", "syncback parked keys", "syncback key id"} {
		var err error
		if derived[i], err = hkdf.Key(sha256.New, key, nil, use, 32); err != nil {
			return nil, err
		}
	}
	block, err := aes.NewCipher(derived[0])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &seal{aead, derived[1], hex.EncodeToString(derived[2][:8])}, nil
}

// keyID is empty for no key.
func (s *seal) keyID() string {
	if s == nil {
		return ""
	}
	return s.id
}

// name stands for a resource in our table.
func (s *seal) name(resource string) string {
	if s == nil {
		return resource
	}
	h := hmac.New(sha256.New, s.names)
	h.Write([]byte(resource))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// close seals a body; where is what it belongs to, and nothing else can be read
// in its place.
func (s *seal) close(body, where string) string {
	if s == nil {
		return body
	}
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nil, nil, []byte(body), []byte(where)))
}

// open is the way back.
func (s *seal) open(body, where string) (string, error) {
	if s == nil {
		return body, nil
	}
	sealed, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return "", errSeal
	}
	clear, err := s.aead.Open(nil, nil, sealed, []byte(where))
	if err != nil {
		return "", errSeal
	}
	return string(clear), nil
}

// errSeal says that a piece is not what was sealed.
var errSeal = errors.New("a parked change is not as it was sealed; put our own tables back from a copy")

// checkSeal sees that what is parked was sealed with the key that is given: with
// another, what depends on it would not be held back.
func (a *Applier) checkSeal(ctx context.Context) error {
	others := 0
	err := query(ctx, a.db, "SELECT COUNT(*) FROM "+a.control.own("parked")+" WHERE [pipeline] = @p1 AND [sealed_by] <> @p2",
		func(rows *sql.Rows) error { return rows.Scan(&others) }, a.cfg.Pipeline, a.seal.keyID())
	if err != nil || others == 0 {
		return translate(ctx, err)
	}
	return otherKey(others)
}

func otherKey(parked int) error {
	return fmt.Errorf("%d parked transactions were parked with another ledger key, or without one; give the key that they were parked with until they are decided", parked)
}
