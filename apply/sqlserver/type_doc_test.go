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

func tableOfTypes(t *testing.T) []string {
	targets := []string{
		"bit", "tinyint", "smallint", "int", "bigint", "decimal(18,4)", "money", "float", "real",
		"varchar(max)", "nvarchar(max)", "binary(8)", "varbinary(max)", "date", "time(7)", "smalldatetime",
		"datetime", "datetime2(7)", "datetimeoffset(7)", "uniqueidentifier", "xml",
	}
	var table []string
	for _, row := range []struct{ name, base string }{
		{"bool", "bool"}, {"int2", "int2"}, {"int4", "int4"}, {"int8", "int8"}, {"numeric", "numeric"},
		{"float4", "float4"}, {"float8", "float8"}, {"money", "money"}, {"text, varchar, name, enum", "text"},
		{"bpchar", "bpchar"}, {"bytea", "bytea"}, {"uuid", "uuid"}, {"date", "date"}, {"time", "time"},
		{"timestamp", "timestamp"}, {"timestamptz", "timestamptz"}, {"xml", "xml"}, {"any other", "inet"},
	} {
		of := map[string][]string{}
		for _, target := range targets {
			mark := verdictMark(source(row.base), typed(t, target), codecOptions{zone: london(t)})
			of[mark] = append(of[mark], target)
		}
		name := row.name + ":"
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
