package main

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/resolve"
)

// conflict reads a table's policy: a name, a mapping with the policy and what it
// needs, or a list of them, of which the first that decides does. What none of
// them decides halts.
func (l *layout) conflict(t *sqlserver.Table) reader {
	return func(n ast.Node) error {
		seq, ok := l.resolve(n).(*ast.SequenceNode)
		if !ok {
			p, err := l.policy(n, t)
			if err == nil {
				t.Conflict, t.Rule = p.rule, p.title()
			}
			return err
		}
		var rules []resolve.Resolver
		all := "" // names a policy that decides every conflict
		for _, e := range seq.Values {
			p, err := l.policy(e, t)
			if err != nil {
				return err
			}
			if all != "" {
				return l.wrong(e, "is never asked, since %s before it decides every conflict; put it before that, or take it out", all)
			}
			if (p.name == "park" || p.name == "halt") && p.kinds == nil {
				all = p.name
			}
			if t.Rule != "" {
				t.Rule += ", "
			}
			rules, t.Rule = append(rules, p.rule), t.Rule+p.title()
		}
		if len(rules) == 0 {
			return l.wrong(n, "is an empty list; name a policy, or leave the key out to halt")
		}
		t.Conflict = resolve.First(rules...)
		return nil
	}
}

// policy is one policy as the file has it.
type policy struct {
	name, column, reason string
	plugin               string // its name in the file
	tie                  resolve.Side
	both                 resolve.ColumnRule
	columns              map[string]resolve.ColumnRule
	kinds                []resolve.Kind
	rule                 resolve.Resolver
}

// title names the policy in the ledger.
func (p *policy) title() string {
	if p.plugin != "" {
		return "plugin " + p.plugin
	}
	return p.name
}

func (l *layout) policy(n ast.Node, t *sqlserver.Table) (*policy, error) {
	p := &policy{}
	read := l.text(&p.name)
	if _, ok := l.resolve(n).(*ast.MappingNode); ok {
		read = l.mapping(keys{
			"policy":  l.text(&p.name),
			"column":  l.text(&p.column),
			"tie":     value(l.decoder, &p.tie, parseSide),
			"both":    l.columnRule(&p.both),
			"columns": l.columnRules(&p.columns),
			"reason":  l.text(&p.reason),
			"plugin":  l.text(&p.plugin),
			"kinds":   l.kinds(&p.kinds),
		})
	}
	if err := read(n); err != nil {
		return nil, err
	}
	if err := p.build(func() resolve.Resolver { return l.asks(p.plugin, t, n) }); err != nil {
		return nil, l.wrong(n, "%v", err)
	}
	return p, nil
}

// policyNames are those that a file can name.
const policyNames = "source-wins, target-wins, newest, version, merge, fill-blank, plugin, park and halt"

// build makes the Resolver. asks makes that of a plugin.
func (p *policy) build(asks func() resolve.Resolver) error {
	var takes []string
	switch p.name {
	case "source-wins":
		p.rule = resolve.SourceWins()
	case "target-wins":
		p.rule = resolve.TargetWins()
	case "park":
		p.rule, takes = resolve.Parked(p.reason), []string{"reason"}
	case "halt":
		p.rule, takes = resolve.Halted(p.reason), []string{"reason"}
	case "newest":
		p.rule, takes = resolve.Newest(p.column, p.tie), []string{"column", "tie"}
	case "version":
		p.rule, takes = resolve.Version(p.column), []string{"column"}
	case "merge":
		p.rule, takes = resolve.Merge(resolve.Merging{Both: p.both, Columns: p.columns}), []string{"both", "columns"}
	case "fill-blank":
		p.rule = resolve.Merge(resolve.Merging{Both: resolve.FillBlank(blanks...)})
	case "plugin":
		p.rule, takes = asks(), []string{"plugin"}
	case "":
		return errors.New("policy is required; there are " + policyNames)
	default:
		return fmt.Errorf("there is no policy %q; there are %s", p.name, policyNames)
	}
	if err := p.checkKeys(takes); err != nil {
		return err
	}
	if p.kinds != nil {
		of := map[resolve.Kind]resolve.Resolver{}
		for _, k := range p.kinds {
			of[k] = p.rule
		}
		p.rule = resolve.ByKind(of)
	}
	return nil
}

// blanks are what stands for "not set" where fill-blank is not told otherwise.
var blanks = []string{"", "1900-01-01", "1900-01-01T00:00:00", "1900-01-01T00:00:00.000"}

// checkKeys refuses a key that the policy does not take, and the want of a
// column or a plugin where it takes one.
func (p *policy) checkKeys(takes []string) error {
	taken := map[string]bool{}
	for _, key := range takes {
		taken[key] = true
	}
	if taken["column"] && p.column == "" {
		return fmt.Errorf("the policy %s needs `column`, a column of the target's table", p.name)
	}
	if taken["plugin"] && p.plugin == "" {
		return errors.New("the policy plugin needs `plugin`, the name of one that plugins has")
	}
	for _, given := range []struct {
		key string
		is  bool
	}{
		{"column", p.column != ""}, {"tie", p.tie != 0}, {"both", p.both != nil}, {"columns", p.columns != nil}, {"reason", p.reason != ""}, {"plugin", p.plugin != ""},
	} {
		if given.is && !taken[given.key] {
			return fmt.Errorf("the policy %s takes no `%s`; take it out", p.name, given.key)
		}
	}
	return nil
}

// kinds reads the kinds of conflict that a policy is limited to.
func (l *layout) kinds(to *[]resolve.Kind) reader {
	return func(n ast.Node) error {
		if err := l.list(l.kind(to))(n); err != nil {
			return err
		}
		if len(*to) == 0 {
			return l.wrong(n, "is an empty list; name kinds, or leave the key out for all")
		}
		return nil
	}
}

func (l *layout) kind(to *[]resolve.Kind) reader {
	return func(n ast.Node) error {
		name, err := l.scalar(n)
		if err != nil {
			return err
		}
		k, ok := resolve.ParseKind(name)
		if !ok {
			return l.wrong(n, "there is no kind of conflict %q; one is update_differs, and the others are listed with package resolve", name)
		}
		*to = append(*to, k)
		return nil
	}
}

// columnRules reads the rules of a merge by column.
func (l *layout) columnRules(to *map[string]resolve.ColumnRule) reader {
	return func(n ast.Node) error {
		*to = map[string]resolve.ColumnRule{}
		return l.entries(n, func(column string, n ast.Node) error {
			var rule resolve.ColumnRule
			err := l.columnRule(&rule)(n)
			(*to)[column] = rule
			return err
		})
	}
}

// columnRule reads the rule of one column: a name, or {map: {…}} or
// {fill_blank: […]}.
func (l *layout) columnRule(to *resolve.ColumnRule) reader {
	return func(n ast.Node) error {
		m, ok := l.resolve(n).(*ast.MappingNode)
		if !ok {
			return value(l.decoder, to, parseColumnRule)(n)
		}
		if len(m.Values) != 1 {
			return l.wrong(n, "%v", errColumnRule)
		}
		return l.mapping(keys{"map": l.codes(to), "fill_blank": l.fillBlank(to)})(n)
	}
}

func (l *layout) codes(to *resolve.ColumnRule) reader {
	return func(n ast.Node) error {
		codes := map[string]string{}
		err := l.entries(n, func(code string, n ast.Node) (err error) {
			codes[code], err = l.scalar(n)
			return err
		})
		*to = resolve.Map(codes)
		return err
	}
}

func (l *layout) fillBlank(to *resolve.ColumnRule) reader {
	return func(n ast.Node) error {
		var blanks []string
		err := l.list(func(n ast.Node) error {
			blank, err := l.scalar(n)
			blanks = append(blanks, blank)
			return err
		})(n)
		*to = resolve.FillBlank(blanks...)
		return err
	}
}

func parseColumnRule(s string) (resolve.ColumnRule, error) {
	switch s {
	case "source":
		return resolve.SourceColumn(), nil
	case "target":
		return resolve.TargetColumn(), nil
	case "later":
		return resolve.LaterColumn(), nil
	case "additive":
		return resolve.Additive(), nil
	default:
		return nil, errColumnRule
	}
}

var errColumnRule = errors.New(`must be source, target, later, additive, {map: {code: code}} or {fill_blank: [""]}`)

func parseSide(s string) (resolve.Side, error) {
	switch s {
	case "source":
		return resolve.SourceSide, nil
	case "target":
		return resolve.TargetSide, nil
	default:
		return 0, errors.New("must be source or target")
	}
}

// references reads which rows of other tables a table's rows refer to.
func (l *layout) references(t *sqlserver.Table) reader {
	return l.list(func(n ast.Node) error {
		var r sqlserver.Reference
		err := l.mapping(keys{"columns": l.texts(&r.Columns), "target": l.text(&r.Target), "to": l.texts(&r.To)})(n)
		if err != nil {
			return err
		}
		if len(r.Columns) == 0 || r.Target == "" {
			return l.wrong(n, "columns and target are required: the columns that refer, and the table whose rows they refer to")
		}
		r.Target = qualify(r.Target, "dbo", '[', ']')
		t.References = append(t.References, r)
		return nil
	})
}
