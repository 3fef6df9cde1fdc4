package plugin

import (
	"bytes"
	"errors"
	"log/slog"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// FuzzDecode: whatever the other side sends is read whole or refused, and what
// was read is sent as the same again.
func FuzzDecode(f *testing.F) {
	var numbers tableNumbers
	table := &capture.Table{Schema: "dbo", Name: "t", Columns: []capture.Column{{Name: "a", Base: "int", Modifier: -1, Key: true}, {}}}
	row := capture.Row{capture.Text("\xff"), capture.Null()}
	c := numbers.conflict(&resolve.Conflict{Kind: resolve.Check, Op: capture.Update, Table: table, Base: row, Incoming: capture.Row{}, Differs: []int{1}})
	request, err := proto.Marshal(&wire.ResolveRequest{Tables: numbers.tables, Conflicts: []*wire.Conflict{c}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		var request wire.ResolveRequest
		if proto.Unmarshal(in, &request) != nil {
			return
		}
		var tables tableList
		if err := tables.add(request.Tables); err != nil {
			expectMalformed(t, err)
			return
		}
		for _, encoded := range request.Conflicts {
			decoded, err := tables.conflict(encoded)
			if err != nil {
				expectMalformed(t, err)
				continue
			}
			var numbers tableNumbers
			again := numbers.conflict(decoded)
			var list tableList
			if err := list.add(numbers.tables); err != nil {
				t.Fatal(err)
			}
			twice, err := list.conflict(again)
			if err != nil || !reflect.DeepEqual(twice, decoded) {
				t.Fatalf("%+v became %+v, %v", decoded, twice, err)
			}
		}
	})
}

func expectMalformed(t *testing.T, err error) {
	if !errors.Is(err, errMalformed) {
		t.Fatalf("%v", err)
	}
}

// FuzzOutput: whatever a plugin writes to its standard error and output, nothing
// but its log lines is quoted, and nothing is lost of what is not.
func FuzzOutput(f *testing.F) {
	f.Add([]byte("panic: SECRET\n"), 3)
	f.Add([]byte(`{"syncback":"log","level":"INFO","msg":"a"}`+"\nb\n"), 1)
	f.Fuzz(func(t *testing.T, in []byte, cut int) {
		first, _, _ := bytes.Cut(in, []byte("\n"))
		if bytes.Contains(in, []byte("syncback")) || len(in) == 0 || len(in) > longestLine || wrongGreeting(string(first)) == "" {
			return // a log line perhaps, whose text is the plugin's, or a handshake
		}
		cut = min(max(cut, 0), len(in))
		var output, greeted bytes.Buffer
		w := &lineWriter{lines: &lines{logger: slog.New(slog.DiscardHandler), output: &output}}
		for _, part := range [][]byte{in[:cut], in[cut:], []byte("\n")} {
			if n, err := w.Write(part); err != nil || n != len(part) {
				t.Fatalf("%d of %d written: %v", n, len(part), err)
			}
		}
		if got, want := output.Bytes(), append(bytes.Clone(in), '\n'); !bytes.Equal(got, want) {
			t.Fatalf("wrote %q, and of it arrived %q", want, got)
		}
		g := newGreeting(&greeted)
		for _, part := range [][]byte{in[:cut], in[cut:], []byte("\n")} {
			if n, err := g.Write(part); err != nil || n != len(part) {
				t.Fatalf("%d of %d written: %v", n, len(part), err)
			}
		}
		if problem, _ := g.wrong(); problem == "" || !bytes.Equal(greeted.Bytes(), output.Bytes()) {
			t.Fatalf("wrote %q, and of it arrived %q with the problem %q", in, greeted.Bytes(), problem)
		}
	})
}
