package main_test

// Mistakes about conflicts: who decides them, in the file and by hand.
const (
	policies  = "source-wins, target-wins, newest, version, merge, fill-blank, plugin, park and halt"
	conflict  = "sync.yaml line 8: tables[0].conflict: "
	oneRule   = `must be source, target, later, additive, {map: {code: code}} or {fill_blank: [""]}`
	whatTakes = "conflicts takes list, show ID or resolve ID; `syncback help` lists what each takes"
	whichID   = " takes the number of a conflict, as `syncback conflicts list` shows it, and was given "
)

var badDecisions = []badInput{
	{name: "conflicts alone", args: "conflicts", want: whatTakes},
	{name: "conflicts of another kind", args: "conflicts lists", want: whatTakes},
	{name: "conflicts list of one", args: "conflicts list 7", want: whatTakes},
	{name: "conflicts show without a number", args: "conflicts show", want: "conflicts show" + whichID + `""`},
	{name: "conflicts show of a word", args: "conflicts show x", want: "conflicts show" + whichID + `"x"`},
	{name: "conflicts resolve of none", args: "conflicts resolve 0 --take source", want: "conflicts resolve" + whichID + `"0"`},
	{name: "conflicts show with a decision", args: "conflicts show 19 --take target", want: "conflicts show has no flag --take; `syncback help` lists the flags"},
	{name: "conflicts show of all", args: "conflicts show 19 --all", want: "conflicts show has no flag --all; `syncback help` lists the flags"},
	{name: "conflicts list with a decision", args: "conflicts list --take source", want: "conflicts list has no flag --take; `syncback help` lists the flags"},
	{name: "conflicts list with a reason", args: "conflicts list --all --reason x", want: "conflicts list has no flag --reason; `syncback help` lists the flags"},
	{name: "conflicts list with a row", args: "conflicts list --row row.json", want: "conflicts list has no flag --row; `syncback help` lists the flags"},
	{name: "conflicts resolve of all", args: "conflicts resolve 1 --take source --all", want: "conflicts resolve has no flag --all; `syncback help` lists the flags"},
	{name: "conflicts show of two", args: "conflicts show 1 2", want: `conflicts takes no further argument, and was given "2"`},
	{name: "conflicts resolve without a decision", args: "conflicts resolve 1", want: "conflicts resolve needs --take source, target, row or drop"},
	{name: "conflicts resolve with another", args: "conflicts resolve 1 --take both", want: "conflicts resolve needs --take source, target, row or drop"},
	{name: "drop without a reason", args: "conflicts resolve 1 --take drop", want: "--take drop needs --reason TEXT: why the transaction is dropped, for the ledger"},
	{name: "row without a file", args: "conflicts resolve 1 --take row", want: "--take row and --row FILE belong together; the file has the row as a JSON object by the target's columns"},
	{name: "row that is not there", args: "conflicts resolve 1 --take row --row nowhere.json", want: "nowhere.json: there is no such file; name the row, a JSON object, with --row FILE"},
	{name: "row that is endless", args: "conflicts resolve 1 --take row --row /dev/zero", want: "/dev/zero: is not a regular file; name one that has the row, a JSON object, with --row FILE"},
	{name: "row that is a pipe", args: "conflicts resolve 1 --take row --row pipe", want: "pipe: is not a regular file; name one that has the row, a JSON object, with --row FILE"},
	{name: "row that is a folder", args: "conflicts resolve 1 --take row --row folder", want: "folder cannot be read: is a directory; name a file that this user may read with --row FILE"},
	{name: "row with a mark of UTF-8", args: "conflicts resolve 1 --take row --row marked.json", want: "sync.yaml: there is no such file; name the configuration with -c FILE"},
	{name: "row in Latin-1", args: "conflicts resolve 1 --take row --row latin1.yaml", want: "latin1.yaml line 2: is not text in UTF-8; save the file as UTF-8"},
	{name: "row that is large", args: "conflicts resolve 1 --take row --row huge", want: "huge: is larger than 64 MiB, and so no row; name it with --row FILE"},
	{name: "row that is none", args: "conflicts resolve 1 --take row --row comment.yaml", want: `comment.yaml is not a JSON object of texts and nulls by the target's columns, such as {"amount": "12.50", "note": null}`},
	{name: "policy that is none", file: with("    conflict: newset\n"), want: conflict + `there is no policy "newset"; there are ` + policies},
	{name: "policy without a name", file: with("    conflict: {column: a}\n"), want: conflict + "policy is required; there are " + policies},
	{name: "policy without its column", file: with("    conflict: [{policy: newest}]\n"), want: "sync.yaml line 8: tables[0].conflict[0]: the policy newest needs `column`, a column of the target's table"},
	{name: "policy with another's key", file: with("    conflict: {policy: park, tie: source}\n"), want: conflict + "the policy park takes no `tie`; take it out"},
	{name: "no policies", file: with("    conflict: []\n"), want: conflict + "is an empty list; name a policy, or leave the key out to halt"},
	{name: "kind that is none", file: with("    conflict: {policy: park, kinds: [update]}\n"), want: `sync.yaml line 8: tables[0].conflict.kinds[0]: there is no kind of conflict "update"; one is update_differs, and the others are listed with package resolve`},
	{name: "no kinds", file: with("    conflict: {policy: park, kinds: []}\n"), want: "sync.yaml line 8: tables[0].conflict.kinds: is an empty list; name kinds, or leave the key out for all"},
	{name: "policy behind park", file: with("    conflict: [park, source-wins]\n"), want: "sync.yaml line 8: tables[0].conflict[1]: is never asked, since park before it decides every conflict; put it before that, or take it out"},
	{name: "policy behind halt", file: with("    conflict: [{policy: park, kinds: [locked]}, halt, source-wins]\n"), want: "sync.yaml line 8: tables[0].conflict[2]: is never asked, since halt before it decides every conflict; put it before that, or take it out"},
	{name: "column without a rule", file: with("    conflict: {policy: merge, columns: {a: {}}}\n"), want: "sync.yaml line 8: tables[0].conflict.columns.a: " + oneRule},
	{name: "column with two rules", file: with("    conflict: {policy: merge, both: {map: {a: b}, fill_blank: [c]}}\n"), want: "sync.yaml line 8: tables[0].conflict.both: " + oneRule},
	{name: "tie", file: with("    conflict: {policy: newest, column: a, tie: both}\n"), want: "sync.yaml line 8: tables[0].conflict.tie: must be source or target"},
	{name: "rule of a column", file: with("    conflict: {policy: merge, both: newest}\n"), want: `sync.yaml line 8: tables[0].conflict.both: must be source, target, later, additive, {map: {code: code}} or {fill_blank: [""]}`},
	{name: "reference without columns", file: with("    references: [{target: b}]\n"), want: "sync.yaml line 8: tables[0].references[0]: columns and target are required: the columns that refer, and the table whose rows they refer to"},
	{name: "ledger key", file: instead("tables:", "  ledger_key: short\ntables:"), want: "sync.yaml line 5: target.ledger_key: must be a secret of 16 characters or more, best from a variable of the environment"},
}
