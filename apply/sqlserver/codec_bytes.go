package sqlserver

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
)

// bytesWriter reads bytea in its hex form.
func bytesWriter(dst sqlType, lossy Lossy) encoder {
	return func(s string) (bound, error) {
		text, ok := strings.CutPrefix(s, `\x`)
		raw, err := fromHex(text)
		if !ok || err != nil {
			return bound{}, refuse("the text is not bytea in its hex form", "")
		}
		return bindBytes(raw, dst, lossy)
	}
}

func writeHexLiteral(dst sqlType, s string) (bound, error) {
	text, ok := strings.CutPrefix(s, "0x")
	raw, err := fromHex(text)
	if !ok && s != "" || err != nil {
		return bound{}, refuse("it is not a binary literal", "write it as 0x00ff")
	}
	return bindBytes(raw, dst, Lossy{})
}

// bindBytes binds raw, which is never nil: the driver would send NULL for that.
// A binary column fills a short value with zeros, which are then part of it, so
// only a value of its very length arrives as it was.
func bindBytes(raw []byte, dst sqlType, lossy Lossy) (bound, error) {
	if limit := dst.limit(); len(raw) > limit {
		if !lossy.Truncate {
			return bound{}, tooLong(dst)
		}
		raw = raw[:limit]
	}
	if dst.name == "binary" && len(raw) < dst.length {
		return bound{}, refuse(fmt.Sprintf("%s takes %d bytes, no fewer", dst, dst.length), "")
	}
	if raw == nil {
		raw = []byte{}
	}
	return bound{arg: raw, terms: hexTerms(raw)}, nil
}

// fromHex reads hexadecimal digits without a copy of them: there may be hundreds
// of millions.
func fromHex(text string) ([]byte, error) {
	raw := make([]byte, hex.DecodedLen(len(text)))
	_, err := io.ReadFull(hex.NewDecoder(strings.NewReader(text)), raw)
	if err == nil && len(text)%2 != 0 {
		err = hex.ErrLength
	}
	return raw, err
}

// hexTerms returns the terms of bytes, in one piece of memory.
func hexTerms(raw []byte) string {
	var b strings.Builder
	b.Grow(len("0x") + hex.EncodedLen(len(raw)))
	b.WriteString("0x")
	_, _ = hex.NewEncoder(&b).Write(raw) // a Builder does not fail
	return b.String()
}

// writeUUID binds the text form: the order of the bytes is the target's affair.
func writeUUID(s string) (bound, error) {
	if !isUUID(s) {
		return bound{}, refuse("the text is not a uuid", "")
	}
	s = strings.ToLower(s)
	return bound{arg: mssql.VarChar(s), terms: s}.cast("uniqueidentifier"), nil
}

func isUUID(s string) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return err == nil && len(raw) == 16
}
