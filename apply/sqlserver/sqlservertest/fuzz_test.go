package sqlservertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"
)

// FuzzBatch sees the lexer and the parser take any text without a panic.
func FuzzBatch(f *testing.F) {
	for _, s := range []string{
		"SELECT 1", "DECLARE @n int; SET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT 3, @n; RETURN END", "/* /* */ 'a''b' [x]]y]",
		"CREATE TABLE t (a decimal(9,2) NOT NULL DEFAULT (0) PRIMARY KEY, b AS a + 1)", "UPDATE TOP (1) t SET a += 1 OUTPUT deleted.a FROM t JOIN u ON 1 = 1",
		"CREATE TRIGGER x ON t AFTER INSERT AS BEGIN TRY THROW END TRY BEGIN CATCH END CATCH", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "EXEC sp_x @a = 1, N'b'",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		body, err := parseBatch(s, defaultCollation)
		if err == nil {
			_ = declare(body, map[string]sqlType{})
		}
	})
}

// TestNestedTooDeeply: a text that would take the whole stack is refused, as SQL
// Server does.
func TestNestedTooDeeply(t *testing.T) {
	for first, again := range map[string]string{
		"SELECT ": "(", "SELECT 1+": "~", "SELECT * ": "FROM (SELECT * ", "SELECT * FROM ": "(", "SELECT 1 ": "UNION (SELECT 1 ",
		"": "BEGIN ", " ": "IF 1 = 1 ", "  ": "WHILE 1 = 1 ", "IF ": "NOT ", "SELECT 1 * ": "CASE WHEN ", "SELECT 2 * ": "f(",
	} {
		_, err := parseBatch(first+strings.Repeat(again, 2*maxDepth), defaultCollation)
		if refused, ok := errors.AsType[*sqlError](err); !ok || refused.number != 191 {
			t.Errorf("%s%s…: %v", first, again, err)
		}
	}
}

var rpcSeeds = [][]byte{
	{4, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0, 0, 0, tdsIntN, 4, 4, 1, 0, 0, 0},
	{4, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 0, 0, 0, tdsNvarchar, 0xff, 0xff, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 'a', 0, 0, 0, 0, 0},
}

// FuzzRPC sees the readers of messages take any bytes without a panic.
func FuzzRPC(f *testing.F) {
	for _, b := range rpcSeeds {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = parseRPC(b)
		_, _ = parseLogin(b)
		_, _ = clientEncryption(b)
	})
}

// FuzzStream sees a connection take any bytes from a client: packets are put
// together to messages, as the proxy does, and read as what they say they are.
func FuzzStream(f *testing.F) {
	batch := appendUTF16([]byte{4, 0, 0, 0}, "SELECT 1")
	begin := []byte{4, 0, 0, 0, tmBegin, 0, 2, 0}
	prelogin := preloginReply(encryptNot)
	for _, s := range [][]byte{
		packet(packetBatch, statusEnd, batch), packet(packetRPC, statusEnd|statusReset, rpcSeeds[0]), packet(packetTransMgr, statusEnd, begin),
		packet(packetLogin, statusEnd, make([]byte, 94)), packet(packetPrelogin, statusEnd, prelogin), packet(packetAttention, statusEnd, nil),
		append(packet(packetBatch, 0, batch[:7]), packet(packetBatch, statusEnd, batch[7:])...),
		append(packet(packetPrelogin, statusEnd, prelogin), packet(packetRPC, statusEnd, rpcSeeds[1])...),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, proxied := &packets{conn: sent{r: bytes.NewReader(b)}}, bytes.NewReader(b)
		for {
			m, err := p.read()
			if err != nil {
				return
			}
			kind, _, body, err := readMessage(proxied)
			if err == nil && kind == m.kind && !bytes.Equal(body, m.payload) || err != nil {
				t.Fatalf("the server reads %d bytes of type %d, the proxy %d of type %d, %v", len(m.payload), m.kind, len(body), kind, err)
			}
			_ = describe(kind, body).String()
			m.parse()
		}
	})
}

// parse reads a message the way that a connection does.
func (m message) parse() {
	switch m.kind {
	case packetPrelogin:
		_, _ = clientEncryption(m.payload)
	case packetLogin:
		_, _ = parseLogin(m.payload)
	case packetBatch:
		if text, err := parseBatchMessage(m.payload); err == nil {
			_, _ = parseBatch(text, defaultCollation)
		}
	case packetRPC:
		_, _ = parseRPC(m.payload)
	}
}

// packet puts the header before a packet's content.
func packet(kind, status byte, body []byte) []byte {
	head := []byte{kind, status, 0, 0, 0, 0, 1, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(headerSize+len(body)))
	return append(head, body...)
}

// sent is a connection from which a client's bytes are read.
type sent struct {
	net.Conn
	r *bytes.Reader
}

func (s sent) Read(b []byte) (int, error) { return s.r.Read(b) }
