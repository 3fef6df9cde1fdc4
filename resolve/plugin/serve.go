package plugin

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// Configurer is implemented by rules that take a configuration.
type Configurer interface {
	// Configure is called once, before the rules are asked for anything. It is
	// not called where nothing is configured. An error says, in one sentence,
	// what is wrong with the configuration, and the host does not start.
	Configure(config map[string]string) error
}

// Serve is the whole main of a plugin. rules is a resolve.Resolver, a
// resolve.Emulator or both, and may be a [Configurer]. Serve returns when the
// host is done with the plugin; it ends the process when the host is gone.
//
// Standard output belongs to the protocol. What is logged with log/slog reaches
// the host's log: level and message, and of the attributes those named rule,
// table, column, kind, action, op and count. Everything else that is written is
// counted there, and quoted only where the host was told to.
func Serve(rules any) {
	if os.Getenv(handshake.MagicCookieKey) != handshake.MagicCookieValue {
		fmt.Fprintln(os.Stderr, "This is a plugin of syncback, which starts it: name its path and its sha256 under plugins in the configuration.")
		os.Exit(1)
	}
	stderr := os.Stderr
	slog.SetDefault(slog.New(&lineHandler{out: stderr}))
	log.SetOutput(stderr) // SetDefault took it for lines of ours
	go endWithHost()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{version: {rulesName: &dispensed{rules: rules}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.MaxRecvMsgSize(longestMessage), grpc.MaxSendMsgSize(longestMessage))...)
		},
	})
}

// endWithHost ends the process when the host is gone, also one that was killed:
// the host holds the other end of standard input, and writes nothing there.
func endWithHost() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// version is that of the protocol. A plugin that is made for another one is
// refused by name.
const version = 1

// rulesName is the one thing that go-plugin dispenses here.
const rulesName = "rules"

// handshake tells a plugin of this package from any other program.
var handshake = goplugin.HandshakeConfig{MagicCookieKey: "SYNCBACK_PLUGIN", MagicCookieValue: "resolve"}

// dispensed joins the protocol to go-plugin, at both ends.
type dispensed struct {
	goplugin.NetRPCUnsupportedPlugin
	rules any // of the plugin's end
}

// GRPCServer implements goplugin.GRPCPlugin.
func (d *dispensed) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	wire.RegisterRulesServer(s, newServer(d.rules))
	return nil
}
