// Package wire is the protocol between a host and a plugin, as protoc makes it
// from rules.proto.
//
// To make it again after a change of rules.proto: protoc 3.21 or later,
//
//	go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
//	go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
//	go generate ./resolve/plugin/internal/wire
//
// Neither the build nor the tests need them.
package wire

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative rules.proto
