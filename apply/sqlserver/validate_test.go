package sqlserver

import (
	"strings"
	"testing"
	"time"
)

func TestValidate(t *testing.T) {
	table := func(source, target string) Table { return Table{Source: source, Target: target} }
	good := Config{Pipeline: "p", Tables: []Table{table("a", "a"), table(`"A"`, "x.A"), table("c.a", "[a.b]")}}
	if err := good.Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "the pipeline has no name; give it one"},
		{Config{Pipeline: strings.Repeat("é", 129)}, "the pipeline's name is longer than 128 characters; shorten it"},
		{Config{Pipeline: strings.Repeat("😀", 65)}, "the pipeline's name is longer than 128 characters; shorten it"},
		{Config{Pipeline: "p", Schema: strings.Repeat("😀", 65)}, "the name of the schema for our own tables is longer than 128 characters; shorten it"},
		{Config{Pipeline: "p", Schema: strings.Repeat("é", 129)}, "the name of the schema for our own tables is longer than 128 characters; shorten it"},
		{Config{Pipeline: "p", LockTimeout: time.Microsecond}, "the lock timeout is not between 1ms and 576h; choose one that is"},
		{Config{Pipeline: "p", LockTimeout: 577 * time.Hour}, "the lock timeout is not between 1ms and 576h; choose one that is"},
		{Config{Pipeline: "p", Tables: []Table{table("a", "")}}, `"" is not a table name; write schema.table`},
		{Config{Pipeline: "p", Tables: []Table{table("a.b.c", "a")}}, `table name "a.b.c" has more than two parts; write schema.table`},
		{Config{Pipeline: "p", Tables: []Table{table("a", "a"), table("public.a", "b")}}, "source table public.a is mapped twice; keep one"},
		{Config{Pipeline: "p", Tables: []Table{table("a", "[T]"), table("b", "DBO.t")}}, "target table DBO.t is mapped from both public.a and public.b; keep one"},
	} {
		if err := test.cfg.Validate(); err == nil || err.Error() != test.want {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}
