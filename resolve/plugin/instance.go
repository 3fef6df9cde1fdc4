package plugin

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// instance is one process of a plugin, from its start to its end.
type instance struct {
	process            *process
	client             *goplugin.Client
	rules              wire.RulesClient
	lines              *lines
	resolves, emulates bool
	called             atomic.Bool // whether a call is being made, or failed
}

// start starts the plugin and configures it.
func (c *Config) start(ctx context.Context) (*instance, error) {
	if err := c.verify(); err != nil {
		return nil, err
	}
	// Not a deadline: gRPC would tell it to the plugin, which could answer that it
	// is over before it is over here.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer time.AfterFunc(c.StartTimeout, cancel).Stop()
	i := &instance{lines: &lines{logger: c.Logger, output: c.Output}}
	process, err := newProcess(c.Path, newGreeting(i.lines), &lineWriter{lines: i.lines})
	if err != nil {
		return nil, c.passing("could not be started: %v", err)
	}
	i.process, i.client = process, goplugin.NewClient(c.client(i))
	if err := i.greet(ctx, c); err != nil {
		i.kill()
		return nil, err
	}
	if err := i.begin(ctx, c); err != nil {
		i.kill()
		return nil, err
	}
	return i, nil
}

// client configures go-plugin, which is to do the handshake, the certificates
// and the connection. The process is ours.
func (c *Config) client(i *instance) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{version: {rulesName: &dispensed{}}},
		RunnerFunc: func(_ hclog.Logger, made *exec.Cmd, _ string) (runner.Runner, error) {
			i.process.cmd.Env = made.Env
			return i.process, nil
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     2 * c.StartTimeout, // start's own ends first
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       i.lines,
		SyncStderr:       i.lines,
		GRPCDialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(c.MaxAnswer), grpc.MaxCallSendMsgSize(longestMessage))},
	}
}

// greet starts the process and connects to it.
func (i *instance) greet(ctx context.Context, c *Config) error {
	stop := context.AfterFunc(ctx, func() { _ = i.process.Kill(ctx) }) // go-plugin's start heeds no context
	defer stop()
	protocol, err := i.client.Client()
	if err != nil {
		return i.noGreeting(ctx, c, err)
	}
	dispensed, err := protocol.Dispense(rulesName)
	if err != nil {
		return c.permanent("cannot be reached: %v", err)
	}
	i.rules = dispensed.(wire.RulesClient)
	return nil
}

// noGreeting says why a start failed.
func (i *instance) noGreeting(ctx context.Context, c *Config, err error) error {
	if !i.process.started() {
		remedy := "give the path of a program for this machine"
		if errors.Is(err, fs.ErrPermission) {
			remedy = "make it executable"
		}
		return c.permanent("cannot be started from %s: %v; %s", c.Path, reason(err), remedy)
	}
	problem, greeted := i.process.stdout.wrong()
	if problem != "" {
		return c.permanent("cannot be used: %s %s", c.Path, problem)
	}
	i.kill()
	switch {
	case ctx.Err() != nil || greeted:
		return c.passing("did not come up within %s; raise start_timeout, or see that path is the plugin", c.StartTimeout)
	default:
		return c.passing("ended with %s before it said that it is a plugin; see that path is the plugin", i.process.status())
	}
}

// begin makes the first call.
func (i *instance) begin(ctx context.Context, c *Config) error {
	answer, err := i.rules.Begin(ctx, &wire.BeginRequest{Config: c.Config})
	switch {
	case err != nil && ctx.Err() != nil:
		return c.passing("did not take its configuration within %s; raise start_timeout", c.StartTimeout)
	case err != nil:
		i.kill()
		return c.passing("ended with %s over its configuration", i.process.status())
	case answer.Refusal != nil:
		return c.permanent("refuses its configuration: %s", refusal(answer.Refusal))
	case !answer.Resolves && !answer.Emulates:
		return c.permanent("has no rules: what it serves is neither a Resolver nor an Emulator")
	}
	i.resolves, i.emulates = answer.Resolves, answer.Emulates
	return nil
}

func refusal(f *wire.Failure) string {
	if f.Panicked {
		return (&panicError{of: oneLine(f.Message)}).Error()
	}
	return oneLine(f.Message)
}

// kill ends the process, if it has not ended, and what belongs to it here. Rules
// have nothing that they would have to finish.
func (i *instance) kill() {
	_ = i.process.Kill(context.Background()) // it fails where there is nothing to kill
	if i.process.started() {
		<-i.process.exited
	}
	i.client.Kill()
}
