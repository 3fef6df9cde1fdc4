package sqlservertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
)

// Message is one message of a client, at the moment before the server gets it,
// or at the moment after the server answered it and before the client learns.
type Message struct {
	Kind     MessageKind
	Answered bool // the server has answered; the client does not know yet

	body []byte
}

// MessageKind is what a client asks for.
type MessageKind uint8

// The kinds of messages (MS-TDS 2.2.1, Client Messages).
const (
	Other  MessageKind = iota
	Login              // prelogin and TLS are Other
	Batch              // T-SQL without parameters
	Call               // a remote procedure call, such as sp_executesql
	Begin              // a transaction
	Commit             // a transaction
	Rollback
)

// Contains reports whether the message holds text, as T-SQL or as an argument.
func (m Message) Contains(text string) bool {
	var wire []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		wire = binary.LittleEndian.AppendUint16(wire, unit)
	}
	return bytes.Contains(m.body, wire)
}

// String returns the moment and the kind, for a test's log.
func (m Message) String() string {
	moment := "before "
	if m.Answered {
		moment = "after "
	}
	return moment + [...]string{"other", "login", "batch", "call", "begin", "commit", "rollback"}[m.Kind]
}

// attention is the type of the packet that cancels what runs. It is not
// answered by itself: its answer is part of that of the message that it cancels.
const attention = 6

// readMessage reads packets up to the one that ends a message (MS-TDS 2.2.3.1),
// and returns them as they came, and their content.
func readMessage(r io.Reader) (kind byte, raw, body []byte, err error) {
	var header [8]byte
	for {
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return 0, nil, nil, err
		}
		size := int(binary.BigEndian.Uint16(header[2:]))
		if size < len(header) {
			return 0, nil, nil, errors.New("a TDS packet is shorter than its header")
		}
		content := make([]byte, size-len(header))
		if _, err := io.ReadFull(r, content); err != nil {
			return 0, nil, nil, err
		}
		raw = append(append(raw, header[:]...), content...)
		body = append(body, content...)
		if last := header[1]&1 != 0; last {
			return header[0], raw, body, nil
		}
	}
}

func describe(kind byte, body []byte) Message {
	m := Message{body: body}
	switch kind {
	case 0x01:
		m.Kind = Batch
	case 0x03:
		m.Kind = Call
	case 0x0e:
		m.Kind = transactionKind(afterHeaders(body))
	case 0x10:
		m.Kind = Login
	}
	return m
}

// transactionKind reads a transaction manager request (MS-TDS 2.2.6.9).
func transactionKind(body []byte) MessageKind {
	if len(body) < 2 {
		return Other
	}
	switch binary.LittleEndian.Uint16(body) {
	case 5:
		return Begin
	case 7:
		return Commit
	case 8:
		return Rollback
	default:
		return Other
	}
}

// afterHeaders skips ALL_HEADERS (MS-TDS 2.2.5.3), which begins with its length.
func afterHeaders(body []byte) []byte {
	if len(body) < 4 {
		return nil
	}
	size := binary.LittleEndian.Uint32(body)
	if uint64(size) > uint64(len(body)) {
		return nil
	}
	return body[size:]
}
