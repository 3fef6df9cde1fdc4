// Package queue holds captured transactions durably between a source and a
// target, so that capture goes on while applying waits.
package queue
