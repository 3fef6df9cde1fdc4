package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// recordedCall is one line of a record.
type recordedCall struct {
	Tables    []*capture.Table     `json:"tables"`
	Conflicts []recordedConflict   `json:"conflicts"`
	Answers   []recordedResolution `json:"answers,omitempty"`
	Error     string               `json:"error,omitempty"`
	Retryable bool                 `json:"retryable,omitempty"`
}

// recordedConflict is a conflict, with words for what Go numbers.
type recordedConflict struct {
	Table      int         `json:"table"` // in Tables, from 0
	Kind       string      `json:"kind"`
	Op         string      `json:"op"`
	Base       recordedRow `json:"base"`
	Incoming   recordedRow `json:"incoming"`
	Current    recordedRow `json:"current"`
	Differs    []int       `json:"differs,omitempty"`
	Constraint string      `json:"constraint,omitempty"`
	Position   string      `json:"position"`
	TxID       uint64      `json:"tx_id"`
	CommitTime time.Time   `json:"commit_time"`
	Origin     string      `json:"origin,omitempty"`
	Rule       string      `json:"rule"`
}

type recordedResolution struct {
	Action string      `json:"action"`
	Row    recordedRow `json:"row"`
	Reason string      `json:"reason,omitempty"`
}

// recordedRow is a row; null is no row.
type recordedRow []recordedValue

// recordedValue is a value: null, a string, {"base64": …} for text that is not
// UTF-8, or {} where it is absent.
type recordedValue struct{ capture.Value }

type recordedBytes struct {
	Base64 *[]byte `json:"base64,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (v recordedValue) MarshalJSON() ([]byte, error) {
	text, ok := v.Text()
	switch {
	case v.IsNull():
		return []byte("null"), nil
	case !ok:
		return []byte("{}"), nil
	case !utf8.ValidString(text):
		raw := []byte(text)
		return json.Marshal(recordedBytes{&raw})
	default:
		return json.Marshal(text)
	}
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *recordedValue) UnmarshalJSON(in []byte) error {
	var text string
	var raw recordedBytes
	switch {
	case string(in) == "null":
		v.Value = capture.Null()
	case json.Unmarshal(in, &text) == nil:
		v.Value = capture.Text(text)
	case json.Unmarshal(in, &raw) != nil:
		return errors.New("a value is none of null, a string, {} and {\"base64\": …}")
	case raw.Base64 != nil:
		v.Value = capture.Text(string(*raw.Base64))
	default:
		v.Value = capture.Value{}
	}
	return nil
}

func newRecordedRow(r capture.Row) recordedRow {
	if r == nil {
		return nil
	}
	out := make(recordedRow, len(r))
	for i, v := range r {
		out[i].Value = v
	}
	return out
}

func (r recordedRow) row() capture.Row {
	if r == nil {
		return nil
	}
	out := make(capture.Row, len(r))
	for i, v := range r {
		out[i] = v.Value
	}
	return out
}

func newRecordedCall(conflicts []*resolve.Conflict, answers []resolve.Resolution, failed error) recordedCall {
	call := recordedCall{Retryable: capture.Retryable(failed)}
	if failed != nil {
		call.Error = failed.Error()
	}
	numbers := map[*capture.Table]int{}
	for _, c := range conflicts {
		if _, ok := numbers[c.Table]; !ok {
			numbers[c.Table] = len(call.Tables)
			call.Tables = append(call.Tables, c.Table)
		}
		call.Conflicts = append(call.Conflicts, recordedConflict{
			Table: numbers[c.Table], Kind: c.Kind.String(), Op: c.Op.String(), Differs: c.Differs, Constraint: c.Constraint,
			Base: newRecordedRow(c.Base), Incoming: newRecordedRow(c.Incoming), Current: newRecordedRow(c.Current),
			Position: c.Position.String(), TxID: c.TxID, CommitTime: c.CommitTime, Origin: c.Origin, Rule: c.Rule,
		})
	}
	for _, a := range answers {
		call.Answers = append(call.Answers, recordedResolution{Action: a.Action.String(), Row: newRecordedRow(a.Row), Reason: a.Reason})
	}
	return call
}

func (call *recordedCall) decode() ([]*resolve.Conflict, error) {
	out := make([]*resolve.Conflict, len(call.Conflicts))
	for i, c := range call.Conflicts {
		if c.Table < 0 || c.Table >= len(call.Tables) || call.Tables[c.Table] == nil {
			return nil, fmt.Errorf("there is no table %d", c.Table)
		}
		kind, ok := resolve.ParseKind(c.Kind)
		if !ok {
			return nil, fmt.Errorf("there is no kind %.40q", c.Kind)
		}
		op, err := parseOp(c.Op)
		if err != nil {
			return nil, err
		}
		position, err := capture.ParsePosition(c.Position)
		if err != nil {
			return nil, err
		}
		out[i] = &resolve.Conflict{
			Kind: kind, Op: op, Table: call.Tables[c.Table], Differs: c.Differs, Constraint: c.Constraint,
			Base: c.Base.row(), Incoming: c.Incoming.row(), Current: c.Current.row(),
			Position: position, TxID: c.TxID, CommitTime: c.CommitTime, Origin: c.Origin, Rule: c.Rule,
		}
	}
	return out, nil
}

func parseOp(name string) (capture.Op, error) {
	for op := capture.Insert; op <= capture.Message; op++ {
		if op.String() == name {
			return op, nil
		}
	}
	return 0, fmt.Errorf("there is no operation %.40q", name)
}
