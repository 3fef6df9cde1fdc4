package capture

// Finding is one thing that a preflight check found.
type Finding struct {
	Level Level
	// Object is what it was found on: a table, a column, a slot, a setting.
	Object string
	// Problem is one sentence that says what is so.
	Problem string
	// Advice is one sentence that says what to do; empty when there is nothing.
	Advice string
}

// Level says how much a Finding matters.
type Level uint8

// The levels. Only Blocks makes a pipeline unfit to run.
const (
	Note   Level = iota // good to know
	Warns               // runs, with a limit that someone should know of
	Blocks              // must be mended first
)

// String returns the level's name.
func (l Level) String() string {
	switch l {
	case Blocks:
		return "error"
	case Warns:
		return "warning"
	default:
		return "note"
	}
}
