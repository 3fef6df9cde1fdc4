package sqlservertest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// Packet types, MS-TDS 2.2.3.1.1.
const (
	packetBatch     = 1
	packetRPC       = 3
	packetReply     = 4
	packetAttention = 6
	packetTransMgr  = 14
	packetLogin     = 16
	packetPrelogin  = 18
)

// Packet status bits, MS-TDS 2.2.3.1.2.
const (
	statusEnd       = 0x01
	statusReset     = 0x08
	statusResetKeep = 0x10 // reset, but keep the open transaction
)

const (
	headerSize        = 8
	defaultPacketSize = 4096
	maxMessage        = 256 << 20
)

// message is one request: its packets' payloads in a row.
type message struct {
	kind    byte
	status  byte // of the first packet
	payload []byte
}

// packets reads requests from a connection and writes replies to it.
type packets struct {
	conn net.Conn
	size int // of a packet that is written, with its header
	spid uint16
	seq  byte
	out  []byte // of the reply that is being written: what has not been sent
}

// read returns the next message.
func (p *packets) read() (message, error) {
	var m message
	for first := true; ; first = false {
		var head [headerSize]byte
		if _, err := io.ReadFull(p.conn, head[:]); err != nil {
			return m, err
		}
		n := int(binary.BigEndian.Uint16(head[2:])) - headerSize
		if n < 0 {
			return m, errors.New("packet is shorter than its header")
		}
		if first {
			m.kind, m.status = head[0], head[1]
		} else if m.kind != head[0] {
			return m, fmt.Errorf("packet of type %d within a message of type %d", head[0], m.kind)
		}
		if len(m.payload)+n > maxMessage {
			return m, errors.New("message is too long")
		}
		at := len(m.payload)
		m.payload = append(m.payload, make([]byte, n)...)
		if _, err := io.ReadFull(p.conn, m.payload[at:]); err != nil {
			return m, err
		}
		if head[1]&statusEnd != 0 {
			return m, nil
		}
	}
}

// spill sends the full packets of what has been written so far.
func (p *packets) spill() error {
	body := p.size - headerSize
	sent := 0
	for len(p.out)-sent > body { // the last packet must be the one with statusEnd
		if err := p.send(p.out[sent:sent+body], 0); err != nil {
			return err
		}
		sent += body
	}
	p.out = append(p.out[:0], p.out[sent:]...)
	return nil
}

// end sends what is left, as the last packet of the reply.
func (p *packets) end() error {
	if err := p.spill(); err != nil {
		return err
	}
	err := p.send(p.out, statusEnd)
	p.out, p.seq = p.out[:0], 0
	return err
}

func (p *packets) send(body []byte, status byte) error {
	p.seq++
	packet := make([]byte, headerSize, headerSize+len(body))
	packet[0], packet[1], packet[6] = packetReply, status, p.seq
	binary.BigEndian.PutUint16(packet[2:], uint16(headerSize+len(body)))
	binary.BigEndian.PutUint16(packet[4:], p.spid)
	_, err := p.conn.Write(append(packet, body...))
	return err
}
