"""The Valkey or Redis behind the store: its address, connections, checks, and the embedded one."""
