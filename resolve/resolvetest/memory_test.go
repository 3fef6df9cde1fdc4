package resolvetest_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/resolvetest"
)

func TestMemory(t *testing.T) {
	failed := errors.New("it fails")
	m := &resolvetest.Memory{
		Tables:  map[string]resolve.Result{"dbo.t": resolvetest.Table("ref* note", []string{"a  ", "1"}, []string{"b", "(null)"}, []string{"A", "2"})},
		Numbers: map[string]int64{"dbo.serials": 41},
		Procedures: map[string]func([]resolve.Argument) (resolve.Result, error){
			"dbo.book": func([]resolve.Argument) (resolve.Result, error) { return resolve.Result{}, failed },
		},
	}
	for _, test := range []struct {
		query resolve.Query
		want  string
	}{
		{resolve.Query{Table: "DBO.T"}, "[{ref 0 varchar(100) -1 true} {note 0 varchar(100) -1 false}] a  ,1 b,null A,2 <nil>"},
		{resolve.Query{Table: "dbo.t", Columns: []string{"NOTE"}, Where: []resolve.Argument{{Name: "ref", Value: capture.Text("a")}}}, "[{note 0 varchar(100) -1 false}] 1 <nil>"},
		{resolve.Query{Table: "dbo.t", Columns: []string{"ref"}, Where: []resolve.Argument{{Name: "note", Value: capture.Null()}}}, "[{ref 0 varchar(100) -1 true}] b <nil>"},
		{resolve.Query{Table: "dbo.t", Columns: []string{"ref"}, Limit: 1}, "[{ref 0 varchar(100) -1 true}] a   <nil>"},
		{resolve.Query{Table: "dbo.u"}, "[] there is no table dbo.u"},
		{resolve.Query{Table: "dbo.t", Columns: []string{"x"}}, "[] dbo.t has no column x"},
		{resolve.Query{Table: "dbo.t", Where: []resolve.Argument{{Name: "x"}}}, "[] dbo.t has no column x"},
	} {
		result, err := m.Rows(t.Context(), test.query)
		got := fmt.Sprint(result.Columns)
		for _, r := range result.Rows {
			got += " "
			for i, v := range r {
				text, ok := v.Text()
				if !ok {
					text = v.String()
				}
				if i > 0 {
					got += ","
				}
				got += text
			}
		}
		if got = fmt.Sprint(got, " ", err); got != test.want {
			t.Errorf("%+v: %s\nwant %s", test.query, got, test.want)
		}
	}
	if n, err := m.Next(t.Context(), "dbo.Serials"); n != 42 || err != nil {
		t.Errorf("the next number is %d, %v", n, err)
	}
	if _, err := m.Next(t.Context(), "dbo.u"); err == nil {
		t.Error("there is an allocator that there is not")
	}
	if _, err := m.Call(t.Context(), "dbo.book", nil); !errors.Is(err, failed) {
		t.Errorf("the procedure returned %v", err)
	}
	if _, err := m.Call(t.Context(), "dbo.u", nil); err == nil {
		t.Error("there is a procedure that there is not")
	}
}
