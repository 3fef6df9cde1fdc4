//go:build unix && !linux

package postgrestest

func inMemory() (dir string, ok bool) { return "", false }
