package estate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// Versions reads the rowversion of every row of a legacy table, by the row's
// key. SQL Server changes it whenever the row is written, even if with the
// values that it had: it tells who wrote what needed no writing. A table
// without such a column has no versions.
func Versions(ctx context.Context, legacy *sql.DB, t *Table) (map[string]string, error) {
	versions := make(map[string]string)
	if t.Version == "" {
		return versions, nil
	}
	var list []string
	for _, c := range t.On(Legacy) {
		if c.Key {
			list = append(list, c.Legacy.asText(Legacy))
		}
	}
	into := make([]any, len(list)+1)
	keys := make([]string, len(list))
	for i := range keys {
		into[i] = &keys[i]
	}
	var version []byte
	into[len(list)] = &version
	rows, err := legacy.QueryContext(ctx, fmt.Sprintf("SELECT %s, %s FROM %s", strings.Join(list, ", "), t.Version, t.Legacy))
	if err != nil {
		return nil, fmt.Errorf("read the versions of %s: %w", t.Legacy, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read the versions of %s: %w", t.Legacy, err)
		}
		key := make([]string, len(keys))
		for i, k := range keys {
			key[i] = strings.TrimRight(k, " ")
		}
		versions[strings.Join(key, " ")] = string(version)
	}
	return versions, rows.Err()
}

// Rewritten adds to r the rows that were written although nothing in them was
// to change, by their versions before and after.
func (m *Model) Rewritten(r *Result, t *Table, before, after map[string]string) {
	for _, key := range m.Unwritten(t) {
		if was, is := before[key], after[key]; was != is && is != "" {
			r.Rewritten++
			r.note(key, "was written although nothing in it changed")
		}
	}
}
