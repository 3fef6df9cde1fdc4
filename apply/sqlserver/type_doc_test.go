package sqlserver

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// TestTableOfTypes holds the table on the package page to what the code does.
func TestTableOfTypes(t *testing.T) {
	file, err := os.ReadFile("type_doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var page []string
	for line := range strings.Lines(string(file)) {
		if row, ok := strings.CutPrefix(line, "//\t"); ok {
			page = append(page, strings.TrimRight(row, "\n"))
		}
	}
	want := tableOfTypes(t)
	if strings.Join(page, "\n") != strings.Join(want, "\n") {
		t.Errorf("the package page has another table than the code:\n//\t%s", strings.Join(want, "\n//\t"))
	}
}

var pageTargets = []string{
	"bit", "tinyint", "smallint", "int", "bigint", "decimal(18,4)", "money", "float", "real",
	"varchar(max)", "nvarchar(max)", "binary(8)", "varbinary(max)", "date", "time(7)", "smalldatetime",
	"datetime", "datetime2(7)", "datetimeoffset(7)", "uniqueidentifier", "xml",
}

// pageSources are the rows of the page's table, by the types that a row names; one
// of them stands for any other.
var pageSources = []string{
	"bool", "int2", "int4", "int8", "numeric", "float4", "float8", "money", "text, varchar, name, enum",
	"bpchar", "bytea", "uuid", "date", "time", "timestamp", "timestamptz", "xml", "inet",
}

// typePair is a source type and a target type.
type typePair struct{ src, dst string }

// pagePairs are the pairs of the page's table, and how it marks each.
func pagePairs(t *testing.T) map[typePair]string {
	t.Helper()
	marks := map[typePair]string{}
	for _, row := range pageSources {
		for base := range strings.SplitSeq(row, ", ") {
			for _, target := range pageTargets {
				mark := verdictMark(source(base), typed(t, target), codecOptions{zone: london(t)})
				if mark != "-" {
					marks[typePair{base, target}] = mark
				}
			}
		}
	}
	return marks
}

func tableOfTypes(t *testing.T) []string {
	marks := pagePairs(t)
	var table []string
	for _, row := range pageSources {
		of := map[string][]string{}
		first, others, _ := strings.Cut(row, ", ")
		for _, target := range pageTargets {
			mark := marks[typePair{first, target}]
			of[mark] = append(of[mark], target)
			for other := range strings.SplitSeq(others, ", ") {
				if other != "" && marks[typePair{other, target}] != mark {
					t.Errorf("%s to %s is not as %s is, with which it shares a row", other, target, first)
				}
			}
		}
		name := row + ":"
		if row == "inet" {
			name = "any other:"
		}
		for _, mark := range []string{"=", "~", "r"} {
			if len(of[mark]) > 0 {
				table = append(table, fmt.Sprintf("%-27s%s  %s", name, mark, strings.Join(of[mark], ", ")))
				name = ""
			}
		}
		if name != "" {
			table = append(table, fmt.Sprintf("%-27s-", name))
		}
	}
	return table
}

// TestTypesThatGoAsAnother of the table do so.
func TestTypesThatGoAsAnother(t *testing.T) {
	for base, as := range map[string]string{"citext": "text", "char": "text", "oid": "int4"} {
		for _, target := range pageTargets {
			mark := func(base string) string {
				return verdictMark(source(base), typed(t, target), codecOptions{zone: london(t)})
			}
			want := mark(as)
			if base == "oid" && target == "int" {
				want = "~"
			}
			if got := mark(base); got != want {
				t.Errorf("%s to %s is %s, want %s", base, target, got, want)
			}
		}
	}
}

func verdictMark(src capture.Column, dst sqlType, opt codecOptions) string {
	level, problem, advice := verdict(src, dst, opt)
	switch {
	case level == capture.Blocks:
		return "-"
	case strings.Contains(advice, "rule round"):
		return "r"
	case problem == "":
		return "="
	default:
		return "~"
	}
}
