// Embed shows how a Go service of your own keeps a SQL Server in step with its
// PostgreSQL: the service serves HTTP, and beside it the pipeline runs. All of
// syncback that it needs is in pipeline.go.
//
//	export SOURCE_DSN=postgres://… TARGET_DSN=sqlserver://…
//	go run ./examples/embed
//
// The target needs our own tables first: see the package apply/sqlserver, DDL.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	for _, name := range []string{"SOURCE_DSN", "TARGET_DSN"} {
		if os.Getenv(name) == "" {
			fmt.Fprintf(os.Stderr, "embed: the environment variable %s is not set; export it, a URL of the database\n", name)
			os.Exit(2)
		}
	}
	if err := serve(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

// serve runs the service and its pipeline until ctx ends, or one of them does.
func serve(ctx context.Context) error {
	var health health
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: &health, ReadHeaderTimeout: 5 * time.Second}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return keepInStep(ctx, pipeline{
			Source: postgres.Config{
				DSN:    os.Getenv("SOURCE_DSN"),
				Tables: []string{"public.tenancy"},
			},
			Target: sqlserver.Config{
				DSN:      os.Getenv("TARGET_DSN"),
				Pipeline: "housing",
				Tables: []sqlserver.Table{{
					Source:  "public.tenancy",
					Target:  "dbo.tenagree",
					Columns: map[string]sqlserver.Column{"tenancy_ref": {To: "tag_ref"}},
				}},
			},
			Dir:     "queue-data",
			When:    apply.Schedule{Mode: apply.Every, Every: time.Minute},
			Observe: health.observe,
		})
	})
	g.Go(server.ListenAndServe)
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := g.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// health answers what the pipeline did last.
type health struct {
	last atomic.Pointer[apply.Progress]
}

func (h *health) observe(p apply.Progress) { h.last.Store(&p) }

func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	p := h.last.Load()
	switch {
	case p == nil:
		http.Error(w, "starting", http.StatusServiceUnavailable)
	case p.Err != nil:
		http.Error(w, string(p.State), http.StatusServiceUnavailable)
	default:
		fmt.Fprintf(w, "%s, applied up to %s\n", p.State, p.Position)
	}
}
