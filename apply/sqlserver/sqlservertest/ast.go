package sqlservertest

import "sync/atomic"

// Expressions.
type (
	expr interface{}

	literal struct {
		typ  sqlType
		text string // PostgreSQL's text form
	}
	nullLiteral struct{}
	defaultWord struct{} // DEFAULT in VALUES and SET
	variable    struct{ name string }
	columnRef   struct{ parts []string }
	star        struct{ qualifier []string }
	unaryExpr   struct {
		op string // - + ~ NOT
		x  expr
	}
	binaryExpr struct {
		op   string // arithmetic, comparisons, AND, OR
		l, r expr
	}
	call struct {
		name     string // in capitals
		args     []expr
		star     bool
		distinct bool
		over     *window
		within   []orderItem // of STRING_AGG
	}
	window struct {
		partition []expr
		order     []orderItem
	}
	castExpr struct {
		x     expr
		to    sqlType
		style expr
		try   bool
	}
	caseExpr struct {
		operand expr
		whens   [][2]expr
		els     expr
	}
	inExpr struct {
		x    expr
		list []expr
		q    *query
		not  bool
	}
	betweenExpr struct {
		x, low, high expr
		not          bool
	}
	likeExpr struct {
		x, pattern, escape expr
		not                bool
	}
	isNullExpr struct {
		x   expr
		not bool
	}
	existsExpr struct{ q *query }
	subquery   struct{ q *query }
	quantified struct { // x op ALL|ANY (query)
		op  string
		x   expr
		all bool
		q   *query
	}
	collateExpr struct {
		x    expr
		name string
	}
)

// Queries.
type (
	query struct {
		with   []cte
		body   queryBody
		order  []orderItem
		offset expr
		fetch  expr
	}
	cte struct {
		name string
		cols []string
		q    *query
	}
	queryBody interface{} // *selectCore, *setOp, *valuesBody or *query

	setOp struct {
		op   string // UNION, UNION ALL, EXCEPT, INTERSECT
		l, r queryBody
	}
	valuesBody struct{ rows [][]expr }

	selectCore struct {
		distinct bool
		top      *topClause
		items    []selectItem
		into     []string
		from     []tableExpr
		where    expr
		group    []expr
		having   expr
	}
	topClause struct {
		n       expr
		percent bool
		ties    bool
	}
	selectItem struct {
		x      expr
		alias  string
		assign string // SELECT @v = x
	}
	orderItem struct {
		x    expr
		desc bool
	}
	tableExpr interface{} // *tableRef, *derived, *join

	tableRef struct {
		name     []string
		alias    string
		hints    []string
		function bool // name()
	}
	derived struct {
		q     *query
		alias string
		cols  []string
	}
	join struct {
		kind string // INNER, LEFT, RIGHT, FULL, CROSS, CROSS APPLY, OUTER APPLY
		l, r tableExpr
		on   expr
	}
)

// stmt is a statement with its place in the batch.
type stmt struct {
	node any
	text string
	line int
	plan atomic.Pointer[plan] // of the last translation
}

// Statements.
type (
	declareStmt struct{ vars []declaredVar }
	declaredVar struct {
		name string
		typ  sqlType
		init expr
	}
	setVarStmt struct {
		name string
		x    expr
	}
	setOptionStmt struct {
		name string // in capitals
		args []string
		on   bool
	}
	selectStmt struct{ q *query }
	insertStmt struct {
		with     []cte
		top      *topClause
		table    tableRef
		cols     []string
		output   []selectItem
		rows     [][]expr // or
		q        *query   // or
		defaults bool
	}
	updateStmt struct {
		with   []cte
		top    *topClause
		target tableRef
		set    []assignment
		output []selectItem
		from   []tableExpr
		where  expr
	}
	assignment struct {
		col      string
		variable string // SET @v = x
		x        expr
	}
	deleteStmt struct {
		with   []cte
		top    *topClause
		target tableRef
		output []selectItem
		from   []tableExpr
		where  expr
	}
	blockStmt struct{ body []*stmt }
	ifStmt    struct {
		cond      expr
		then, els *stmt
	}
	whileStmt struct {
		cond expr
		body *stmt
	}
	jumpStmt   struct{ word string } // RETURN, BREAK, CONTINUE
	returnStmt struct{ x expr }
	tryStmt    struct{ body, catch []*stmt }
	tranStmt   struct {
		op   string // BEGIN, COMMIT, ROLLBACK, SAVE
		name string
	}
	printStmt struct{ x expr }
	throwStmt struct{ number, msg, state expr }
	raiseStmt struct {
		msg, class, state expr
		args              []expr
	}
	execStringStmt struct{ x expr }
	execProcStmt   struct {
		name []string
		args []procArg
	}
	procArg struct {
		name string
		x    expr
	}
	waitStmt struct{ delay expr }
	useStmt  struct{ name string }

	createSchemaStmt struct{ name string }
	dropStmt         struct {
		what     string // TABLE, SCHEMA, TRIGGER, VIEW, INDEX
		names    [][]string
		on       []string // of an index
		ifExists bool
	}
	truncateStmt    struct{ name []string }
	createTableStmt struct {
		name  []string
		cols  []*columnDef
		rules []*constraintDef
	}
	alterTableStmt struct {
		name      []string
		addCols   []*columnDef
		addRules  []*constraintDef
		dropCols  []string
		dropRules []string
		ifExists  bool
		noCheck   bool
		trigger   string // ENABLE, DISABLE
		triggers  []string
		alterCol  *columnDef
	}
	columnDef struct {
		name      string
		typ       sqlType
		null      bool
		nullGiven bool
		identity  *[2]int64 // seed, increment
		period    int       // see columnInfo
		computed  expr
		persisted bool
		text      string // of the computed expression
		rules     []*constraintDef
	}
	constraintDef struct {
		kind      string // PK, UQ, FK, CHECK, DEFAULT
		name      string
		cols      []string
		desc      []bool
		clustered *bool
		refTable  []string
		refCols   []string
		onDelete  string
		onUpdate  string
		x         expr
		text      string
	}
	createIndexStmt struct {
		name      string
		table     []string
		unique    bool
		clustered bool
		cols      []string
		desc      []bool
		include   []string
		where     expr
		whereText string
		ignoreDup bool
	}
	// disableIndexStmt is ALTER INDEX ... DISABLE.
	disableIndexStmt struct {
		name  string
		table []string
	}
	createTriggerStmt struct {
		name   []string
		table  []string
		events []string
		body   []*stmt
		text   string
	}
	createProcedureStmt struct {
		name   []string
		params []parameter
		body   []*stmt
		text   string
	}
	createViewStmt struct {
		name []string
		q    *query
		text string
	}
)
