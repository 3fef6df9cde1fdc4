package sqlservertest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// What the two sides say of encryption, MS-TDS 2.2.6.5.
const (
	encryptLogin    = 0 // the login only
	encryptOn       = 1
	encryptNot      = 2
	encryptRequired = 3
)

const (
	preloginVersion    = 0
	preloginEncryption = 1
	preloginMARS       = 4
	preloginEnd        = 0xff
)

// serverVersion is SQL Server 2019's: 15.0.2000.
var serverVersion = [6]byte{15, 0, 0x07, 0xd0, 0, 0}

// clientEncryption reads what the client's PRELOGIN says of encryption.
func clientEncryption(payload []byte) (byte, error) {
	for at := 0; at+5 <= len(payload) && payload[at] != preloginEnd; at += 5 {
		offset := int(binary.BigEndian.Uint16(payload[at+1:]))
		length := int(binary.BigEndian.Uint16(payload[at+3:]))
		if payload[at] != preloginEncryption {
			continue
		}
		if length < 1 || offset >= len(payload) {
			return 0, errors.New("PRELOGIN: the option for encryption is damaged")
		}
		return payload[offset], nil
	}
	return encryptNot, nil
}

// preloginReply is the server's PRELOGIN.
func preloginReply(encryption byte) []byte {
	const data = 3*5 + 1
	head := []byte{
		preloginVersion, 0, data, 0, 6,
		preloginEncryption, 0, data + 6, 0, 1,
		preloginMARS, 0, data + 7, 0, 1,
		preloginEnd,
	}
	return append(append(head, serverVersion[:]...), encryption, 0)
}

// negotiate answers the client's PRELOGIN and encrypts the connection where it
// is asked to. It returns what follows the login: the connection to go on with.
func negotiate(p *packets, config *tls.Config) (after net.Conn, err error) {
	m, err := p.read()
	if err != nil {
		return nil, err
	}
	if m.kind != packetPrelogin {
		return nil, fmt.Errorf("packet of type %d where PRELOGIN was expected", m.kind)
	}
	asked, err := clientEncryption(m.payload)
	if err != nil {
		return nil, err
	}
	answer := asked
	if asked == encryptRequired {
		answer = encryptOn
	}
	p.out = append(p.out, preloginReply(answer)...)
	if err := p.end(); err != nil {
		return nil, err
	}
	plain := p.conn
	if answer == encryptNot {
		return plain, nil
	}
	wrap := &handshakeConn{Conn: plain}
	secure := tls.Server(wrap, config)
	if err := secure.Handshake(); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if err := wrap.flush(); err != nil {
		return nil, err
	}
	wrap.done = true
	p.conn = secure
	if answer == encryptLogin {
		return plain, nil
	}
	return secure, nil
}

// handshakeConn carries the TLS handshake in PRELOGIN packets; once it is done
// the records follow each other without them (MS-TDS 3.2.5.1).
type handshakeConn struct {
	net.Conn
	in   bytes.Reader
	out  bytes.Buffer
	done bool
}

func (c *handshakeConn) Read(b []byte) (int, error) {
	if c.done {
		return c.Conn.Read(b)
	}
	if c.in.Len() == 0 {
		if err := c.flush(); err != nil {
			return 0, err
		}
		m, err := (&packets{conn: c.Conn}).read()
		if err != nil {
			return 0, err
		}
		c.in.Reset(m.payload)
	}
	return c.in.Read(b)
}

// Write holds a flight back until the peer's answer is wanted: the client reads
// one message for each.
func (c *handshakeConn) Write(b []byte) (int, error) {
	if c.done {
		return c.Conn.Write(b)
	}
	return c.out.Write(b)
}

func (c *handshakeConn) flush() error {
	if c.out.Len() == 0 {
		return nil
	}
	p := &packets{conn: c.Conn, size: defaultPacketSize}
	p.out = append(p.out, c.out.Bytes()...)
	c.out.Reset()
	return p.end()
}

// tlsConfig is what a server without a configured one encrypts with. TLS 1.3 is
// left out: its tickets would follow a handshake after which a client that
// encrypts only the login expects plain packets.
func tlsConfig(given *tls.Config) (*tls.Config, error) {
	if given == nil {
		cert, err := selfSigned()
		if err != nil {
			return nil, err
		}
		given = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	config := given.Clone()
	config.MaxVersion = tls.VersionTLS12
	config.SessionTicketsDisabled = true
	config.DynamicRecordSizingDisabled = true
	return config, nil
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "SSL_Self_Signed_Fallback"}, // SQL Server's own
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
