"""The logic of each `relay` command, a file each. `relay.cli` only wires them to the command line."""
