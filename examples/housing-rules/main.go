// Housing-rules is a plugin with the rules of a council that runs an old housing
// system on premises: which side wins where both changed the same, and what the
// system's own triggers would have done.
//
//	go build -o bin/housing-rules ./examples/housing-rules
//	sha256sum bin/housing-rules
//
// The same product has the same rules at every council, and other codes; the
// codes are its configuration ([council]). In the operator's file:
//
//	tables:
//	  - source: tenancy
//	    target: tenagree
//	    conflict: [{policy: plugin, plugin: housing}, park]
//	plugins:
//	  - name: housing
//	    path: ./bin/housing-rules
//	    sha256: …
//	    config:
//	      dwelling_level: "7"           # property.level_code of a dwelling
//	      outcomes: "SOT=SUP, ADJ=ADJ"  # court outcomes: the cloud's, and those on premises
//	      quarterly: Q                  # araagr.freq_code of a quarterly agreement
//	      recharge_supplier: H01        # who does recharges
//	      ended: u_ended=1              # how member says that someone left
//	      history: property, member     # tables with a history, which ends in dch
//
// A table that has no rule is passed to the next policy.
//
// and, for a table whose conflicts it decides and whose triggers it emulates,
//
//	tables:
//	  - source: public.eviction
//	    target: dbo.eviction
//	    conflict: {policy: plugin, plugin: housing}
//	    triggers: emulate
//	    emulator: housing
//
// The tests say what each rule does, for two councils that differ. They are what
// to read, and to add to, for the next one.
//
// Tables and columns are named as the system has them on premises. A rule's
// reason begins with the rule's name.
package main

import "github.com/syncback/syncback/resolve/plugin"

func main() { plugin.Serve(newRules()) }

// rules are a council's rules.
type rules struct{ council }

func newRules() *rules { return &rules{defaults()} }
