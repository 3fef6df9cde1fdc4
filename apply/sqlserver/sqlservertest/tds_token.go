package sqlservertest

import (
	"encoding/binary"
)

// Tokens, MS-TDS 2.2.7.
const (
	tokenReturnStatus = 0x79
	tokenColMetadata  = 0x81
	tokenOrder        = 0xa9
	tokenError        = 0xaa
	tokenInfo         = 0xab
	tokenReturnValue  = 0xac
	tokenLoginAck     = 0xad
	tokenRow          = 0xd1
	tokenNBCRow       = 0xd2
	tokenEnvChange    = 0xe3
	tokenDone         = 0xfd
	tokenDoneProc     = 0xfe
	tokenDoneInProc   = 0xff
)

// Bits of DONE's status.
const (
	doneMore      = 0x01
	doneError     = 0x02
	doneInXact    = 0x04
	doneCount     = 0x10
	doneAttention = 0x20
)

// Commands, as DONE names them.
const (
	cmdSelect = 0xc1
	cmdInsert = 0xc3
	cmdDelete = 0xc4
	cmdUpdate = 0xc5
)

// Kinds of ENVCHANGE.
const (
	envDatabase  = 1
	envLanguage  = 2
	envPacket    = 4
	envCollation = 7
	envBegin     = 8
	envCommit    = 9
	envRollback  = 10
	envResetAck  = 18
)

// done is a DONE that has not been sent: whether more follows is known only when
// it does.
type done struct {
	token  byte
	status uint16
	cmd    uint16
	rows   int64
}

// reply writes the tokens of one response.
type reply struct {
	p       *packets
	pending *done
	err     error // of the transport: the connection is lost
}

// token starts a token, sending the DONE that was held back.
func (r *reply) token(t byte) {
	if d := r.pending; d != nil {
		r.pending = nil
		d.status |= doneMore
		r.writeDone(d)
	}
	r.p.out = append(r.p.out, t)
}

func (r *reply) writeDone(d *done) {
	out := append(r.p.out, d.token)
	out = binary.LittleEndian.AppendUint16(out, d.status)
	out = binary.LittleEndian.AppendUint16(out, d.cmd)
	r.p.out = binary.LittleEndian.AppendUint64(out, uint64(d.rows))
}

// flush sends the packets that are full.
func (r *reply) flush() {
	if r.err == nil && len(r.p.out) >= r.p.size {
		r.err = r.p.spill()
	}
}

// done holds d back until it is known whether it is the last one.
func (r *reply) done(d done) {
	if r.pending != nil {
		r.pending.status |= doneMore
		r.writeDone(r.pending)
	}
	r.pending = &d
	r.flush()
}

// finish sends the response; every response ends with a DONE.
func (r *reply) finish() error {
	if r.pending == nil {
		r.pending = &done{token: tokenDone}
	}
	r.writeDone(r.pending)
	r.pending = nil
	if r.err != nil {
		return r.err
	}
	return r.p.end()
}

func appendBVarChar(b []byte, s string) []byte {
	b = append(b, byte(utf16Len(s)))
	return appendUTF16(b, s)
}

func appendUSVarChar(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(utf16Len(s)))
	return appendUTF16(b, s)
}

// sized appends a token's two-byte length and its body.
func (r *reply) sized(t byte, body []byte) {
	r.token(t)
	r.p.out = binary.LittleEndian.AppendUint16(r.p.out, uint16(len(body)))
	r.p.out = append(r.p.out, body...)
	r.flush()
}

// serverName is what messages say they come from.
const serverName = "STANDIN"

// sqlMessage sends an ERROR, or an INFO for classes up to 10.
func (r *reply) sqlMessage(e *sqlError) {
	b := binary.LittleEndian.AppendUint32(nil, uint32(e.number))
	b = append(b, e.state, e.class)
	b = appendUSVarChar(b, cutRunes(e.msg, 2000))
	b = appendBVarChar(b, serverName)
	b = appendBVarChar(b, e.proc)
	b = binary.LittleEndian.AppendUint32(b, uint32(e.line))
	if e.class > 10 {
		r.sized(tokenError, b)
	} else {
		r.sized(tokenInfo, b)
	}
}

func cutRunes(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n])
	}
	return s
}

func (r *reply) envString(kind byte, now, before string) {
	r.sized(tokenEnvChange, appendBVarChar(appendBVarChar([]byte{kind}, now), before))
}

func (r *reply) envBytes(kind byte, now, before []byte) {
	b := append([]byte{kind, byte(len(now))}, now...)
	b = append(b, byte(len(before)))
	r.sized(tokenEnvChange, append(b, before...))
}

func (r *reply) loginAck() {
	b := []byte{1, 0x74, 0, 0, 4} // T-SQL, TDS 7.4
	b = appendBVarChar(b, "Microsoft SQL Server")
	r.sized(tokenLoginAck, append(b, serverVersion[:4]...))
}

func (r *reply) returnStatus(n int32) {
	r.token(tokenReturnStatus)
	r.p.out = binary.LittleEndian.AppendUint32(r.p.out, uint32(n))
}

// column is one of a result set.
type column struct {
	name     string
	typ      sqlType
	nullable bool
	identity bool
	computed bool
}

// Bits of a column's flags in COLMETADATA.
const (
	flagNullable  = 0x01
	flagIdentity  = 0x10
	flagComputed  = 0x20
	flagUpdatable = 0x08 // unknown whether it can be written
)

func (r *reply) columns(cols []column) {
	r.token(tokenColMetadata)
	out := binary.LittleEndian.AppendUint16(r.p.out, uint16(len(cols)))
	for _, c := range cols {
		flags := uint16(flagUpdatable)
		if c.nullable {
			flags |= flagNullable
		}
		if c.identity {
			flags |= flagIdentity
		}
		if c.computed {
			flags |= flagComputed
		}
		out = binary.LittleEndian.AppendUint32(out, c.typ.userType())
		out = binary.LittleEndian.AppendUint16(out, flags)
		out = appendTypeInfo(out, c.typ, true)
		out = appendBVarChar(out, c.name)
	}
	r.p.out = out
	r.flush()
}

// row sends one row of values in PostgreSQL's text form; nil is NULL. Rows with
// a NULL go as NBCROW, which has a bitmap for them (MS-TDS 2.2.7.14).
func (r *reply) row(cols []column, values [][]byte) error {
	nulls := false
	for _, v := range values[:len(cols)] {
		nulls = nulls || v == nil
	}
	if nulls {
		r.token(tokenNBCRow)
		bitmap := make([]byte, (len(cols)+7)/8)
		for i, v := range values[:len(cols)] {
			if v == nil {
				bitmap[i/8] |= 1 << (i % 8)
			}
		}
		r.p.out = append(r.p.out, bitmap...)
	} else {
		r.token(tokenRow)
	}
	for i, c := range cols {
		if values[i] == nil {
			continue
		}
		out, err := appendValue(r.p.out, c.typ, values[i])
		if err != nil {
			return err
		}
		r.p.out = out
	}
	r.flush()
	return r.err
}

func (r *reply) returnValue(ordinal int, name string, t sqlType, value []byte) error {
	r.token(tokenReturnValue)
	out := binary.LittleEndian.AppendUint16(r.p.out, uint16(ordinal))
	out = appendBVarChar(out, name)
	out = append(out, 1) // an output parameter
	out = binary.LittleEndian.AppendUint32(out, t.userType())
	out = binary.LittleEndian.AppendUint16(out, flagNullable)
	out = appendTypeInfo(out, t, false)
	out, err := appendValue(out, t, value)
	r.p.out = out
	return err
}
