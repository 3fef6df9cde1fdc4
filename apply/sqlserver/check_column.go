package sqlserver

import (
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// columns says of each pair of columns what becomes of its values: both types,
// with the widths that they have in this schema, and the verdict.
func (c *check) columns(m *mapping, t *capture.Table) {
	for _, from := range t.Columns {
		to, err := m.column(from)
		if to == nil || err != nil {
			continue // it is not written, or newPlan says why not
		}
		rule := m.config.Columns[from.Name]
		opt := codecOptions{lossy: rule.Lossy, zone: c.cfg.Zone, nullAs: rule.NullAs}
		level, problem, advice := verdict(from, to.typ, opt)
		text := fmt.Sprintf("%s into %s: %s", sourceType(from), to.typ, verdictWord(level, problem, advice))
		if problem != "" {
			text += "; " + problem
		}
		c.add(level, m.target.name.String()+", column "+to.name, text, advice)
	}
}

// verdictWord sums a verdict up, in the words of the package page.
func verdictWord(level capture.Level, problem, advice string) string {
	switch {
	case level == capture.Blocks:
		return "refused"
	case strings.Contains(advice, "by the rule "):
		return "exact in range, or by a named rule"
	case strings.HasPrefix(problem, "values are "), strings.HasPrefix(problem, "longer values are cut"), strings.Contains(problem, "are replaced"):
		return "by a named rule"
	case problem != "":
		return "exact in range"
	default:
		return "exact"
	}
}

// sourceType is a source column's type as PostgreSQL spells it.
func sourceType(c capture.Column) string {
	const header = 4 // what PostgreSQL adds to a length (varchar.c)
	name := c.Base
	if name == "bpchar" {
		name = "char"
	}
	switch precision, scale, ok := numericModifier(c.Modifier); {
	case c.Modifier < 0:
		return name
	case c.Base == "numeric" && ok:
		return fmt.Sprintf("numeric(%d,%d)", precision, scale)
	case c.Base == "varchar", c.Base == "bpchar", c.Base == "varbit":
		return fmt.Sprintf("%s(%d)", name, c.Modifier-header)
	case sourceFamily(c.Base) == familyTime, sourceFamily(c.Base) == familyTimestamp, sourceFamily(c.Base) == familyInstant:
		return fmt.Sprintf("%s(%d)", name, c.Modifier)
	default:
		return name
	}
}
