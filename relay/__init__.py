"""The core of the relay: everything but the outside systems.

A message comes in through `hooks`, is read by `bodies`, verified and parsed by its bridge, made durable by `intake` and
`store`; a `worker` drains its lane, `attempt` words and sends it with its destination's bridge, `settle` decides what
comes next. ARCHITECTURE.md is the map of all modules.
"""
