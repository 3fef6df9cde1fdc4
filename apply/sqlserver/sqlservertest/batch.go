package sqlservertest

import (
	"strings"
)

// batch is a parsed text with the types of its variables. Sessions share it.
type batch struct {
	body []*stmt
	vars map[string]sqlType
}

const maxBatches = 5000

// batch returns the parsed form of text, whose parameters have the given types.
func (s *Server) batch(text string, names []string, types []sqlType) (*batch, error) {
	var key strings.Builder
	key.WriteString(text)
	for i, n := range names {
		key.WriteByte(0)
		key.WriteString(n)
		key.WriteString(types[i].String())
	}
	s.mu.Lock()
	b := s.batches[key.String()]
	s.mu.Unlock()
	if b != nil {
		return b, nil
	}
	body, err := parseBatch(text, s.collation)
	if err != nil {
		return nil, err
	}
	b = &batch{body: body, vars: map[string]sqlType{}}
	for i, n := range names {
		b.vars[n] = types[i]
	}
	if err := declare(body, b.vars); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.batches) >= maxBatches {
		clear(s.batches)
	}
	s.batches[key.String()] = b
	return b, nil
}

// declare collects the variables of a batch: a DECLARE counts wherever it stands.
func declare(body []*stmt, vars map[string]sqlType) error {
	for _, s := range body {
		var err error
		switch n := s.node.(type) {
		case *declareStmt:
			for _, v := range n.vars {
				if _, ok := vars[v.name]; ok {
					e := errf(134, 15, "The variable name '%s' has already been declared. Variable names must be unique within a query batch or stored procedure.", v.name)
					e.line = s.line
					return e
				}
				vars[v.name] = v.typ
			}
		case *blockStmt:
			err = declare(n.body, vars)
		case *ifStmt:
			err = declare([]*stmt{n.then}, vars)
			if err == nil && n.els != nil {
				err = declare([]*stmt{n.els}, vars)
			}
		case *whileStmt:
			err = declare([]*stmt{n.body}, vars)
		case *tryStmt:
			if err = declare(n.body, vars); err == nil {
				err = declare(n.catch, vars)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
