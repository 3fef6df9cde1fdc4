package sqlserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

func TestBatchStopsAtTheFirstStatementThatMissesItsRow(t *testing.T) {
	p := mustPlan(t, testConfig(), testSource(capture.IdentityFull))
	c := &change{plan: p, op: capture.Insert, position: 7}
	values, err := c.present(capture.Row{capture.Text("000023/02"), capture.Null(), capture.Null()})
	if err != nil {
		t.Fatal(err)
	}
	s := c.insert(values, nil)
	var b batch
	b.add(s)
	b.add(s)
	text, args, lines := b.render()
	t.Log(text)
	if len(args) != 6 || strings.Contains(text, "\x00") || !strings.Contains(text, "@p6") {
		t.Errorf("%d arguments; want 6: the key, the sentinel and the fixed value of each row, and no NULL", len(args))
	}
	for i, line := range lines {
		if got := strings.Split(text, "\n")[line-1]; !strings.HasPrefix(got, "INSERT INTO [dbo].[tenagree]") {
			t.Errorf("line %d of statement %d is %q", line, i, got)
		}
	}
	for i := range 2 {
		if want := fmt.Sprintf("IF @n <> 1 BEGIN %sSELECT %d AS", leaveInner, i); !strings.Contains(text, want) {
			t.Errorf("no look at the rows of statement %d", i)
		}
	}
	if !strings.Contains(strings.Split(text, "\n")[1], "IF @@TRANCOUNT <> 1 BEGIN") {
		t.Error("the batch would run outside a transaction")
	}
}

func TestBatchTurnsIdentityInsertOnForOneTableAtATime(t *testing.T) {
	a, b := &targetTable{name: name{"dbo", "a"}}, &targetTable{name: name{"dbo", "b"}}
	var all batch
	for _, s := range []*statement{
		{text: "1", table: a}, {text: "2", table: a, identity: true}, {text: "3", table: a, identity: true},
		{text: "4", table: b, identity: true}, {text: "5", table: b}, {text: "6", table: b, identity: true},
	} {
		s.anyCount = true
		all.add(s)
	}
	text, _, _ := all.render()
	var got []string
	for _, line := range strings.Split(text, "\n")[2:] {
		got = append(got, strings.TrimSuffix(strings.ReplaceAll(line, "SET IDENTITY_INSERT ", ""), ";"))
	}
	want := []string{"1", "[dbo].[a] ON", "2", "3", "[dbo].[a] OFF", "[dbo].[b] ON", "4", "[dbo].[b] OFF", "5", "[dbo].[b] ON", "6", "[dbo].[b] OFF"}
	if !slices.Equal(got[:len(got)-1], want) {
		t.Errorf("got  %v\nwant %v", got[:len(got)-1], want)
	}
}

func TestBatchKeepsItsBounds(t *testing.T) {
	var b batch
	many := &statement{args: make([]any, maxParameters+50), size: 10}
	if b.full(many) {
		t.Error("a statement that is too large for every batch must still go alone")
	}
	b.add(&statement{})
	if !b.full(many) || !b.full(&statement{size: maxBytes + 1}) {
		t.Error("a batch grew beyond its bounds")
	}
	for range maxStatements - 1 {
		b.add(&statement{})
	}
	if !b.full(&statement{}) {
		t.Errorf("a batch grew beyond %d statements", maxStatements)
	}
}

func TestChildrenFirst(t *testing.T) {
	table := func(id int64, parents ...int64) *change {
		t := &targetTable{id: id}
		for _, parent := range parents {
			t.foreign = append(t.foreign, foreignKey{table: parent})
		}
		return &change{plan: &plan{target: t}}
	}
	grandparent, parent, child, alone := table(1), table(2, 1), table(3, 2, 1), table(4)
	got := childrenFirst([]*change{grandparent, alone, parent, child})
	if want := []*change{alone, child, parent, grandparent}; !slices.Equal(got, want) {
		t.Errorf("order = %v", ids(got))
	}
	circle := []*change{table(1, 2), table(2, 1)}
	if got := childrenFirst(circle); !slices.Equal(got, circle) {
		t.Errorf("a circle came out as %v", ids(got))
	}
}

func ids(changes []*change) (out []int64) {
	for _, c := range changes {
		out = append(out, c.target.id)
	}
	return out
}
