package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// CountPublished asks what a publication has, and returns of how many tables.
func CountPublished(ctx context.Context, conn *pgx.Conn, publication string) (int, error) {
	tables, err := publishedTables(ctx, conn, publication)
	return len(tables), err
}
