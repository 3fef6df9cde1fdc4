package sqlservertest

import (
	"encoding/binary"
	"errors"
	"unicode/utf16"
)

// login is what LOGIN7 says (MS-TDS 2.2.6.4), as far as it is of use here.
type login struct {
	packetSize           int
	host, user, password string
	app, database        string
}

var errLogin = errors.New("LOGIN7 is damaged")

func parseLogin(b []byte) (*login, error) {
	if len(b) < 94 {
		return nil, errLogin
	}
	l := &login{packetSize: int(binary.LittleEndian.Uint32(b[8:]))}
	if l.packetSize < 512 || l.packetSize > 32767 {
		l.packetSize = defaultPacketSize
	}
	for _, f := range []struct {
		at     int // of its offset and length in the fixed part
		secret bool
		to     *string
	}{
		{36, false, &l.host}, {40, false, &l.user}, {44, true, &l.password},
		{48, false, &l.app}, {68, false, &l.database},
	} {
		offset := int(binary.LittleEndian.Uint16(b[f.at:]))
		length := 2 * int(binary.LittleEndian.Uint16(b[f.at+2:]))
		if offset+length > len(b) {
			return nil, errLogin
		}
		field := append([]byte(nil), b[offset:offset+length]...)
		if f.secret {
			for i, c := range field {
				c ^= 0xa5
				field[i] = c<<4 | c>>4
			}
		}
		*f.to = decodeUTF16(field)
	}
	return l, nil
}

// decodeUTF16 decodes little-endian UTF-16; an odd last byte is dropped.
func decodeUTF16(b []byte) string {
	ascii := true
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
		ascii = ascii && units[i] < 0x80
	}
	if ascii {
		s := make([]byte, len(units))
		for i, u := range units {
			s[i] = byte(u)
		}
		return string(s)
	}
	return string(utf16.Decode(units))
}

func appendUTF16(b []byte, s string) []byte {
	for _, r := range s {
		if r < 0x10000 {
			b = append(b, byte(r), byte(r>>8))
			continue
		}
		hi, lo := utf16.EncodeRune(r)
		b = append(b, byte(hi), byte(hi>>8), byte(lo), byte(lo>>8))
	}
	return b
}

// utf16Len is the number of UTF-16 code units of s.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}
