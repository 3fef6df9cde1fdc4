//go:build unix

package postgrestest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

// Main runs a package's tests with a cluster, which it stores in c, and stops
// the cluster at their end. It returns the code to exit with:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }
func Main(m *testing.M, c **Cluster) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cluster, err := Start(ctx, Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*c = cluster
	code := m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}
