package sqlserver

import "testing"

// TestLockIsComparedAsItsColumnsAre: columns of one type as they are, those of two
// collations by the lock's, and a row's number as the text that a lock has, so
// that no other lock's text is read as a number.
func TestLockIsComparedAsItsColumnsAre(t *testing.T) {
	text := func(name, collation string) sqlType {
		return sqlType{name: name, length: 10, collation: collation, codePage: 1252}
	}
	const latin, old = "Latin1_General_CI_AS", "SQL_Latin1_General_CP1_CI_AS"
	for _, test := range []struct {
		lock, row sqlType
		want      string
	}{
		{text("varchar", latin), text("char", latin), "[r].[b]"},
		{text("nvarchar", latin), text("char", latin), "[r].[b]"},
		{text("varchar", latin), text("char", old), "[r].[b] COLLATE Latin1_General_CI_AS"},
		{text("varchar", latin), sqlType{name: "int"}, "CAST([r].[b] AS varchar(20))"},
		{sqlType{name: "int"}, sqlType{name: "numeric", precision: 9}, "[r].[b]"},
		{sqlType{name: "int"}, text("char", latin), ""},
		{text("text", latin), text("char", latin), ""},
		{sqlType{name: "uniqueidentifier"}, sqlType{name: "uniqueidentifier"}, "[r].[b]"},
		{sqlType{name: "date"}, sqlType{name: "date"}, ""},
	} {
		on := lockColumn{&targetColumn{name: "a", typ: test.lock}, &targetColumn{name: "b", typ: test.row}}
		if on.comparable() != (test.want != "") {
			t.Errorf("%s with %s can be compared: %t", test.lock, test.row, on.comparable())
			continue
		}
		if test.want == "" {
			continue
		}
		w := &builder{}
		l := &recordLock{table: &targetTable{name: name{"dbo", "l"}}, on: []lockColumn{on}}
		l.free(w, "[r]", nil)
		if want := "NOT EXISTS (SELECT 1 FROM [dbo].[l] AS syncback_lock WHERE syncback_lock.[a] = " + test.want + ")"; w.String() != want {
			t.Errorf("%s with %s is\n%s\nnot\n%s", test.lock, test.row, w, want)
		}
	}
}

// TestHolderOfOtherTypes: what says nobody is blank, null or 0.
func TestHolderOfOtherTypes(t *testing.T) {
	for typ, want := range map[string]string{
		"char": "COALESCE(RTRIM(x), '') = ''", "nvarchar": "COALESCE(RTRIM(x), '') = ''",
		"int": "COALESCE(x, 0) = 0", "bit": "COALESCE(x, 0) = 0", "numeric": "COALESCE(x, 0) = 0",
		"text": "", "datetime": "", "uniqueidentifier": "", "varbinary": "",
	} {
		if got := blank(sqlType{name: typ, length: 5}, "x"); got != want {
			t.Errorf("of %s it is %q, not %q", typ, got, want)
		}
	}
}
